"""What a reporter sends and sees."""

from services.complaints.openapi.examples import CREATED, HEADLINE, NEW_REPORT, NOTIFICATION, REPORT, page
from services.complaints.openapi.parameters import (
    NOT_MODIFIED,
    NUMBER,
    PICTURE_ANSWER,
    PICTURE_BODY,
    STATE,
    TICKET,
    TICKET_SECRET,
)
from services.kit.openapi import (
    ANYONE,
    IDEMPOTENCY_KEY,
    SIGNED_IN,
    SINCE,
    Json,
    json_answer,
    json_body,
    operation,
    paging,
    problems,
    ref,
)

_TAGS = ("own reports",)


def paths() -> Json:
    """Return the paths of one's own reports."""
    reply = {"message": "RT 03 RW 05."}
    again = {"message": "Lubangnya masih ada."}
    return {
        "/reports": {"post": _create(), "get": _list()},
        "/reports/{ticket}": {"get": _show()},
        "/reports/{ticket}/photos": {
            "post": _act(
                "addPhoto",
                "Add a photo: JPEG, PNG or WebP, at most 5 MB; only its pixels are kept, and apart the position",
                PICTURE_BODY,
            )
        },
        "/reports/{ticket}/photos/{number}": {"get": _photo()},
        "/reports/{ticket}/replies": {
            "post": _act("reply", "Write to those who handle it", json_body(ref("Reply"), reply))
        },
        "/reports/{ticket}/rating": {
            "post": _act("rate", "Judge what was done; this closes the report", json_body(ref("Rating"), {"stars": 5}))
        },
        "/reports/{ticket}/reopening": {
            "post": _act("reopen", "Say that it is not solved", json_body(ref("Reply"), again))
        },
        "/notifications": {"get": _inbox()},
    }


def _create() -> Json:
    body = json_body(ref("NewReport"), NEW_REPORT)
    body["content"]["multipart/form-data"] = {"schema": ref("NewReportForm")}
    created = json_answer("Received; the secret is shown this once", ref("CreatedReport"), CREATED)
    return operation(
        "createReport",
        "Report something, signed in or anonymously",
        tags=_TAGS,
        security=ANYONE,
        parameters=[IDEMPOTENCY_KEY],
        body=body,
        responses={"201": created, **problems(400, 401, 409, 413, 415, 422)},
    )


def _list() -> Json:
    return operation(
        "listReports",
        "List my reports",
        tags=_TAGS,
        security=SIGNED_IN,
        parameters=[*paging(["received_at", "updated_at", "due_at"], "-received_at"), STATE],
        responses={
            "200": json_answer("My reports", ref("HeadlinePage"), page(HEADLINE)),
            **NOT_MODIFIED,
            **problems(400, 401),
        },
    )


def _show() -> Json:
    return operation(
        "getReport",
        "Look at my report",
        tags=_TAGS,
        security=ANYONE,
        parameters=[TICKET, TICKET_SECRET],
        responses={"200": json_answer("The report", ref("Report"), REPORT), **NOT_MODIFIED, **problems(401, 404)},
    )


def _photo() -> Json:
    return operation(
        "getPhoto",
        "See a photo of my report",
        tags=_TAGS,
        security=ANYONE,
        parameters=[TICKET, NUMBER, TICKET_SECRET],
        responses={**PICTURE_ANSWER, **problems(401, 404)},
    )


def _act(name: str, summary: str, body: Json) -> Json:
    done = json_answer("Done", ref("Report"), REPORT)
    return operation(
        name,
        summary,
        tags=_TAGS,
        security=ANYONE,
        parameters=[TICKET, TICKET_SECRET, IDEMPOTENCY_KEY],
        body=body,
        responses={"201": done, **problems(400, 401, 404, 409, 413, 415, 422)},
    )


def _inbox() -> Json:
    return operation(
        "listNotifications",
        "What happened to my reports and to those I follow",
        tags=_TAGS,
        security=SIGNED_IN,
        parameters=[*paging(["at"], "-at"), SINCE],
        responses={
            "200": json_answer("News", ref("NotificationPage"), page(NOTIFICATION)),
            **NOT_MODIFIED,
            **problems(400, 401),
        },
    )
