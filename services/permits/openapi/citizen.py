"""The citizen's paths: applications, documents, inbox."""

from services.kit import openapi as doc
from services.kit.openapi import IDEMPOTENCY_KEY, IF_MATCH, SIGNED_IN, Json, ref
from services.kit.uploads import DOCUMENTS
from services.permits.catalogue import Catalogue
from services.permits.machine import State
from services.permits.openapi.examples import DETAILS, Examples
from services.permits.openapi.parts import CHANGE_FAULTS, ETAG, ID, NOTHING, SHA256, change, file, filters, signed_in


def citizen_paths(catalogue: Catalogue, examples: Examples) -> Json:
    draft = doc.json_answer("The application", ref("Application"), examples.draft, ETAG)
    issued = doc.json_answer("The application", ref("Application"), examples.issued, ETAG)
    listed = {"items": [examples.summary], "next": None}
    new = {"type": "pbg-prototipe", "details": DETAILS}
    created = {**draft, "headers": {**ETAG, "Location": {"schema": {"type": "string"}}}, "links": _links()}
    chosen = filters([state.value for state in State], catalogue)
    return {
        "/applications": {
            "get": signed_in(
                "listApplications",
                "The caller's applications",
                doc.json_answer("Applications", doc.page_schema(ref("ApplicationSummary")), listed),
                parameters=[*doc.paging(["created_at", "updated_at"], "-updated_at"), *chosen],
                faults=(400, 401),
            ),
            "post": doc.operation(
                "createApplication",
                "Begin an application",
                responses={"201": created, **doc.problems(400, 401, 409, 413, 415, 422)},
                security=SIGNED_IN,
                parameters=[IDEMPOTENCY_KEY],
                body=doc.json_body(ref("NewApplication"), new),
                tags=["applications"],
            ),
        },
        "/applications/{id}": {
            "get": signed_in(
                "showApplication", "State, promise, queue and history", issued, parameters=[ID], faults=(401, 404)
            ),
            "patch": change(
                "changeDetails",
                "Change answers of a draft, or those a correction asks for",
                draft,
                body=doc.json_body(ref("ChangedDetails"), {"details": {"floor_area_m2": 72}}),
            ),
        },
        "/applications/{id}/documents": {"post": _upload(draft, list(catalogue.document_names))},
        "/applications/{id}/documents/{sha256}": {
            "get": signed_in(
                "downloadDocument", "A document of one's own", file(*sorted(DOCUMENTS)), parameters=[ID, SHA256]
            )
        },
        "/applications/{id}/submit": {
            "post": change("submitApplication", "Submit a draft or a correction", issued, body=NOTHING)
        },
        "/applications/{id}/withdraw": {
            "post": change("withdrawApplication", "Withdraw the application", issued, body=NOTHING)
        },
        "/applications/{id}/permit": {
            "get": signed_in("downloadPermit", "The signed permit", file("application/pdf"), parameters=[ID])
        },
        "/notifications": {
            "get": signed_in(
                "listNotifications",
                "What happened without the caller's doing, newest first",
                doc.json_answer(
                    "Notifications",
                    doc.page_schema(ref("Notification")),
                    {"items": [examples.notification], "next": None},
                ),
                parameters=[
                    *doc.paging(["at"], "-at"),
                    doc.SINCE,
                ],
                faults=(400, 401),
            )
        },
    }


def _upload(answer: Json, codes: list[str]) -> Json:
    binary: Json = {"schema": {"type": "string", "format": "binary"}}
    form: Json = {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}},
        }
    }
    media: Json = {"multipart/form-data": form, **dict.fromkeys(sorted(DOCUMENTS), binary)}
    document = doc.parameter(
        "document", "query", {"type": "string", "enum": codes}, "Code of the document", required=True
    )
    return doc.operation(
        "uploadDocument",
        "Upload a document, at most 10 MiB; its type is found out, not believed",
        responses={"200": answer, "201": answer, **doc.problems(*CHANGE_FAULTS)},
        security=SIGNED_IN,
        parameters=[ID, {**document, "example": "ktp"}, IDEMPOTENCY_KEY, IF_MATCH],
        body={"required": True, "content": media},
        tags=["applications"],
    )


def _links() -> Json:
    """Say which operations take the id of the application just begun."""
    acts = ("release", "corrections", "accept", "assess", "levy", "payment", "issue", "refuse")
    followed = ["showApplication", "changeDetails", "uploadDocument", "submitApplication", "withdrawApplication"]
    followed += ["downloadPermit", "deskShow", *(f"desk{act.capitalize()}" for act in acts)]
    return {name: {"operationId": name, "parameters": {"id": "$response.body#/id"}} for name in followed}
