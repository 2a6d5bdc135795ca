"""What officers see and do. Roles: `officer:Diskominfo` is the desk, `officer:<agency>` an agency, `admin` looks."""

from collections.abc import Sequence

from services.complaints.catalogue import Catalogue
from services.complaints.openapi.examples import HEADLINE, OFFICER_REPORT, page
from services.complaints.openapi.parameters import (
    DISTRICT,
    NOT_MODIFIED,
    NUMBER,
    PICTURE_ANSWER,
    PICTURE_BODY,
    STATE,
    TICKET,
    agency,
    category,
)
from services.complaints.openapi.parts import TICKET_NUMBER
from services.kit.openapi import (
    IDEMPOTENCY_KEY,
    SIGNED_IN,
    SINCE,
    Json,
    json_answer,
    json_body,
    operation,
    paging,
    parameter,
    problems,
    ref,
)

_IF_MATCH = parameter(
    "If-Match", "header", {"type": "string", "minLength": 1}, "`ETag` of the report as you saw it", required=True
)
_REPORT = json_answer("The report", ref("OfficerReport"), OFFICER_REPORT, {"ETag": {"schema": {"type": "string"}}})


def paths(catalogue: Catalogue) -> Json:
    """Return the desk's paths."""
    return {
        "/desk/reports": {"get": _list(catalogue)},
        "/desk/reports/{ticket}": {
            "get": _officers(
                "getDeskReport",
                "Look at a report in my charge",
                [TICKET],
                {"200": _REPORT, **NOT_MODIFIED, **problems(401, 403, 404)},
            )
        },
        "/desk/reports/{ticket}/actions": {"post": _act()},
        "/desk/reports/{ticket}/photos": {
            "post": _officers(
                "addAfterPhoto",
                "Show the finished work",
                [TICKET, IDEMPOTENCY_KEY],
                {"200": _REPORT, **problems(400, 401, 403, 404, 409, 413, 415, 422)},
                PICTURE_BODY,
            )
        },
        "/desk/reports/{ticket}/photos/{number}": {
            "get": _officers(
                "getPhotoAsOfficer",
                "See a photo of a report in my charge",
                [TICKET, NUMBER],
                {**PICTURE_ANSWER, **problems(401, 403, 404)},
            )
        },
    }


def _list(catalogue: Catalogue) -> Json:
    filters = [
        STATE,
        DISTRICT,
        category(catalogue),
        agency(catalogue),
        parameter("duplicate_of", "query", TICKET_NUMBER),
        parameter("late", "query", {"type": "boolean"}),
        SINCE,
    ]
    answer = json_answer("Reports", ref("HeadlinePage"), page(HEADLINE))
    return _officers(
        "listDeskReports",
        "List the reports in my charge, what is due first",
        [*paging(["due_at", "received_at", "updated_at"], "due_at"), *filters],
        {"200": answer, **NOT_MODIFIED, **problems(400, 401, 403)},
    )


def _act() -> Json:
    return _officers(
        "actOnReport",
        "Verify, forward, work, answer: what my role and the report's state allow",
        [TICKET, _IF_MATCH, IDEMPOTENCY_KEY],
        {"200": _REPORT, **problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 428)},
        json_body(ref("Action"), {"action": "forward", "agency": "DPUPR"}),
    )


def _officers(name: str, summary: str, parameters: Sequence[Json], responses: Json, body: Json | None = None) -> Json:
    return operation(
        name,
        summary,
        tags=("desk",),
        security=SIGNED_IN,
        parameters=parameters,
        body=body,
        responses=responses,
    )
