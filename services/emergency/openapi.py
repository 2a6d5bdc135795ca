"""The service's OpenAPI 3.1 document: one function for each audience's paths."""

from services.emergency import openapi_examples as examples
from services.emergency.catalogue import Catalogue, load_catalogue
from services.emergency.following import MAX_WAIT_SECONDS
from services.emergency.openapi_schemas import REFERENCE, STATES, schemas
from services.emergency.public import POST_KINDS, SEVERITIES
from services.kit.openapi import (
    ANYONE,
    IDEMPOTENCY_KEY,
    IF_MATCH,
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
from services.kit.openapi import document as assemble

_LIMITS = [{"$ref": "#/components/parameters/Limit"}, {"$ref": "#/components/parameters/Cursor"}]
_WAIT = parameter(
    "wait",
    "query",
    {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
    "Seconds to wait for news; the answer comes as soon as there is some",
)
_ID = parameter("id", "path", {"type": "string", "minLength": 1, "maxLength": 64})
_ANY_KEY = parameter(
    "Idempotency-Key",
    "header",
    {"type": "string"},
    "Repeat it when you do not know whether the first attempt arrived; one that cannot be used counts as none",
)
_REFERENCE = parameter("reference", "path", REFERENCE)


def document(catalogue: Catalogue | None = None) -> Json:
    """Return the whole document."""
    known = catalogue or load_catalogue()
    return assemble(
        title="Darurat 112",
        description=(
            "Report an emergency without a login, and follow it. Telephoning 112 is always faster: `call` is the "
            "first member of every answer, problems included. What is marked `verified: false` is example data."
        ),
        paths={**_reporter_paths(), **_public_paths(), **_operator_paths(known)},
        schemas=schemas(known),
    )


def _reporter_paths() -> Json:
    location: Json = {"Location": {"schema": {"type": "string"}, "description": "Where to follow the report"}}
    stored = json_answer("Stored on disk; read by nobody yet", ref("Incident"), examples.INCIDENT, location)
    report = operation(
        "reportEmergency",
        "Report an emergency: kind, a number to call back, and a position or a landmark",
        responses={"201": stored, **problems(400, 413, 422)},
        security=ANYONE,
        parameters=[_ANY_KEY],
        body=json_body(ref("NewIncident"), examples.NEW_INCIDENT),
    )
    seen = parameter("seen", "query", {"type": "string", "maxLength": 64}, "`version` already known")
    follow = operation(
        "followEmergency",
        "See how it goes, or wait for news; the id is the key",
        responses={"200": json_answer("The incident", ref("Incident"), examples.INCIDENT), **problems(400, 404)},
        security=ANYONE,
        parameters=[_ID, _WAIT, seen],
    )
    write = operation(
        "writeToOperators",
        "Add something; in silent mode this is how to talk",
        responses={
            "201": json_answer("The incident", ref("Incident"), examples.INCIDENT),
            **problems(400, 404, 413, 422),
        },
        security=ANYONE,
        parameters=[_ID, _ANY_KEY],
        body=json_body(ref("NewMessage"), {"text": "Saya di lantai dua, pintu terkunci."}),
    )
    inbox = operation(
        "listNotifications",
        "What operators did about one's own reports",
        responses={
            "200": json_answer("A page", ref("NotificationPage"), examples.NOTIFICATION_PAGE),
            **problems(400, 401),
        },
        security=SIGNED_IN,
        parameters=[*paging(["at"], "-at"), SINCE],
    )
    return {
        "/incidents": {"post": report},
        "/incidents/{id}": {"get": follow},
        "/incidents/{id}/messages": {"post": write},
        "/notifications": {"get": inbox},
    }


def _public_paths() -> Json:
    types = operation(
        "listKinds",
        "What can be reported, and what to do meanwhile",
        responses={"200": json_answer("A page", ref("KindPage"), examples.KIND_PAGE), **problems(400)},
        security=ANYONE,
        parameters=[*_LIMITS, parameter("severity", "query", {"enum": list(SEVERITIES)})],
    )
    posts = operation(
        "listPosts",
        "Fire, health and police posts; with `lat` and `lon` the nearest first. Example data",
        responses={"200": json_answer("A page", ref("PostPage"), examples.POST_PAGE), **problems(400)},
        security=ANYONE,
        parameters=[
            *_LIMITS,
            parameter("sort", "query", {"enum": ["name", "-name", "distance_m", "-distance_m"]}),
            parameter("kind", "query", {"enum": list(POST_KINDS)}),
            parameter("lat", "query", {"type": "number", "minimum": -90, "maximum": 90}),
            parameter("lon", "query", {"type": "number", "minimum": -180, "maximum": 180}),
        ],
    )
    return {"/types": {"get": types}, "/posts": {"get": posts}}


def _operator_paths(catalogue: Catalogue) -> Json:
    flags = [parameter(name, "query", {"enum": ["true", "false"]}) for name in ("all", "silent", "outside")]
    states: Json = {"style": "form", "explode": False}
    board = operation(
        "listBoard",
        "What operators have to do, most urgent first; nothing is hidden. Role operator:112",
        responses={"200": json_answer("A page", ref("Board"), examples.BOARD), **problems(400, 401, 403)},
        security=SIGNED_IN,
        parameters=[
            *paging(["urgency", "received_at", "updated_at"], "urgency"),
            parameter("state", "query", {"type": "array", "items": {"enum": STATES}, "minItems": 1}) | states,
            parameter("kind", "query", {"enum": list(catalogue.kinds)}),
            *flags,
            SINCE,
            _WAIT,
            parameter("seen", "query", {"type": "integer", "minimum": 0, "maximum": 2**62}, "`version` already known"),
        ],
    )
    case = json_answer("The incident", ref("BoardCase"), examples.BOARD_CASE, {"ETag": {"schema": {"type": "string"}}})
    show = operation(
        "showIncident",
        "One incident whole",
        responses={"200": case, **problems(401, 403, 404)},
        security=SIGNED_IN,
        parameters=[_REFERENCE],
    )
    act = operation(
        "actOnIncident",
        "Acknowledge, assess, dispatch … close; doing anything acknowledges an unread report first",
        responses={"200": case, **problems(400, 401, 403, 404, 409, 412, 413, 415, 422)},
        security=SIGNED_IN,
        parameters=[_REFERENCE, IDEMPOTENCY_KEY, IF_MATCH],
        body=json_body(ref("Action"), examples.ACTION),
    )
    units = operation(
        "listUnits",
        "Who can be sent, and where each is busy. Example data",
        responses={"200": json_answer("A page", ref("UnitPage"), examples.UNIT_PAGE), **problems(400, 401, 403)},
        security=SIGNED_IN,
        parameters=[*paging(["code", "agency"], "code"), parameter("agency", "query", {"type": "string"})],
    )
    return {
        "/board": {"get": board},
        "/board/{reference}": {"get": show},
        "/board/{reference}/actions": {"post": act},
        "/units": {"get": units},
    }
