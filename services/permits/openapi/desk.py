"""The officers' paths."""

from services.kit import openapi as doc
from services.kit.openapi import IDEMPOTENCY_KEY, SIGNED_IN, Json, ref
from services.kit.uploads import DOCUMENTS
from services.permits.catalogue import Catalogue
from services.permits.machine import State
from services.permits.openapi.examples import Examples
from services.permits.openapi.parts import ETAG, ID, NOTHING, SHA256, change, file, filters, officer


def desk_paths(catalogue: Catalogue, examples: Examples) -> Json:
    case = doc.json_answer("The case as officers see it", ref("DeskCase"), examples.desk, ETAG)
    taken = doc.json_answer("The case taken, or null", ref("NextCase"), {"application": examples.desk}, ETAG)
    listed = {"items": [examples.desk_summary], "next": None}
    one = "/desk/applications/{id}"
    correction = {"items": [{"item": "documents.ktp", "note": "Foto KTP tidak terbaca"}]}
    levy = {"amount": 1_500_000, "explanation": "60 m2 x Rp25.000"}
    bodies = {
        "release": ("Put the case back into the queue", NOTHING),
        "corrections": ("Ask for corrections, item by item", doc.json_body(ref("CorrectionRequest"), correction)),
        "accept": ("Find the file complete", NOTHING),
        "assess": ("Approve technically (the technical agency)", NOTHING),
        "levy": ("Order the retribution", doc.json_body(ref("LevyOrder"), levy)),
        "payment": (
            "Decide on a payment that differs from the order",
            doc.json_body(ref("PaymentCheck"), {"accept": True, "reason": "Selisih biaya transfer"}),
        ),
        "issue": ("Sign and issue the permit", NOTHING),
        "refuse": ("Refuse, with the reason", doc.json_body(ref("Refusal"), {"reason": "Di luar peruntukan"})),
    }
    states = [state.value for state in State if state is not State.DRAF]
    return {
        "/desk/applications": {
            "get": officer(
                "deskList",
                "Cases of the officer's agencies",
                doc.json_answer("Cases", doc.page_schema(ref("DeskSummary")), listed),
                parameters=[
                    *doc.paging(["queued_at", "updated_at"], "queued_at"),
                    *filters(states, catalogue),
                ],
                faults=(400, 401, 403),
            )
        },
        "/desk/next": {
            "post": doc.operation(
                "deskNext",
                "Take the case that has waited longest",
                responses={"200": taken, **doc.problems(400, 401, 403, 409, 413, 415, 422)},
                security=SIGNED_IN,
                parameters=[IDEMPOTENCY_KEY],
                body=NOTHING,
                tags=["desk"],
            )
        },
        one: {"get": officer("deskShow", "One case", case, parameters=[ID])},
        f"{one}/documents/{{sha256}}": {
            "get": officer("deskDocument", "A document of the case", file(*sorted(DOCUMENTS)), parameters=[ID, SHA256])
        },
        **{
            f"{one}/{name}": {"post": change(f"desk{name.capitalize()}", summary, case, body=body, tag="desk")}
            for name, (summary, body) in bodies.items()
        },
    }
