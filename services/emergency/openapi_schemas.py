"""The shapes 112 speaks in, as OpenAPI 3.1 schemas."""

from collections.abc import Iterable

from services.emergency.board_actions import ACTIONS
from services.emergency.catalogue import Catalogue
from services.emergency.machine import Happening, Stage, Status
from services.emergency.texts import CALL
from services.kit.openapi import PROBLEM_SCHEMA, Json, page_schema, ref

STATES = [status.value for status in Status if status is not Status.NEW]
REFERENCE: Json = {"type": "string", "pattern": "^112-[0-9]{6,}$"}
_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_CALL: Json = {"const": CALL, "description": "Always the first member: the telephone is faster"}


def _object(properties: Json, *, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties}


def _or_null(kind: str) -> Json:
    return {"type": [kind, "null"]}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


def _answer(properties: Json) -> Json:
    return _object({"call": _CALL, **properties})


def _page(item: Json, **more: Json) -> Json:
    return _answer({**page_schema(item)["properties"], **more})


def schemas(catalogue: Catalogue) -> Json:
    """Return every schema by name."""
    return {
        "Problem": {
            **PROBLEM_SCHEMA,
            "required": ["call", *PROBLEM_SCHEMA["required"]],
            "properties": {"call": _CALL, **PROBLEM_SCHEMA["properties"]},
        },
        "Texts": _object({"id": _TEXT, "en": _TEXT}),
        **_public(),
        **_reporting(catalogue),
        **_operating(catalogue),
    }


def _public() -> Json:
    kind = {
        "code": _TEXT,
        "title": ref("Texts"),
        "advice": ref("Texts"),
        "agencies": _list(_TEXT),
        "severity": {"enum": [1, 2, 3]},
        "source": _TEXT,
        "verified": {"type": "boolean", "description": "false: example data"},
    }
    post = {
        "code": _TEXT,
        "kind": {"enum": ["fire", "health", "police"]},
        "name": _TEXT,
        "phone": {"type": "string", "format": "uri"},
        "lat": {"type": "number"},
        "lon": {"type": "number"},
        "distance_m": {"type": ["integer", "null"], "minimum": 0},
        "verified": _FLAG,
    }
    return {
        "Kind": _object(kind),
        "KindPage": _page(ref("Kind")),
        "Post": _object(post),
        "PostPage": _page(ref("Post"), source=_TEXT, verified=_FLAG),
    }


def _reporting(catalogue: Catalogue) -> Json:
    words = ", ".join(catalogue.kinds)
    new = {
        "kind": {
            "type": "string",
            "minLength": 1,
            "pattern": r"\S",
            "description": f"One of {words}; any other word is taken as `other`",
        },
        "callback": {
            "type": "string",
            "pattern": r"^[ ()./-]*\+?([ ()./-]*[0-9]){5,20}[ ()./-]*$",
            "description": "A number to call back: mobile, landline or foreign",
        },
        "lat": {"type": ["number", "null"], "minimum": -90, "maximum": 90},
        "lon": {"type": ["number", "null"], "minimum": -180, "maximum": 180},
        "accuracy_m": {"type": ["number", "null"], "minimum": 0},
        "landmark": {"type": ["string", "null"], "description": "What one sees from there"},
        "description": _or_null("string"),
        "name": _or_null("string"),
        "people": {"type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000},
        "silent": {"type": ["boolean", "null"], "description": "Do not telephone me"},
    }
    has_position = {"required": ["lat", "lon"], "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}}}
    has_landmark = {"required": ["landmark"], "properties": {"landmark": {"type": "string", "pattern": r"\S"}}}
    return {
        "NewIncident": {
            "type": "object",
            "required": ["kind", "callback"],
            "properties": new,
            "anyOf": [has_position, has_landmark],
        },
        "NewMessage": _object({"text": {"type": "string", "minLength": 1, "pattern": r"\S"}}),
        "Incident": _answer(_incident()),
        "Notification": _object(_notification()),
        "NotificationPage": _page(ref("Notification")),
    }


def _incident() -> Json:
    return {
        "id": {"type": "string", "description": "Whoever knows it may follow the incident: keep it"},
        "reference": REFERENCE,
        "kind": _object({"code": _TEXT, "title": ref("Texts"), "advice": ref("Texts")}),
        "state": {"enum": STATES},
        "progress": {"enum": STATES, "description": "State of the incident this one was joined with, or its own"},
        "message": ref("Texts"),
        "acknowledged": {"type": "boolean", "description": "false: stored, and read by nobody yet"},
        "call_now": {"type": "boolean", "description": "true: nobody answered within 30 s; telephone 112"},
        "call_in_seconds": {"type": ["integer", "null"], "minimum": 0},
        "advice": _list(ref("Texts")),
        "silent": _FLAG,
        "outside_city": _FLAG,
        "joined_with": _or_null("string"),
        "units": _list(_object({"code": _TEXT, "name": _TEXT, "agency": _or_null("string"), "stage": _stage()})),
        "location": _object({"lat": _or_null("number"), "lon": _or_null("number"), "landmark": _or_null("string")}),
        "callback_hint": _TEXT,
        "messages": _list(_object({"at": _INSTANT, "from": {"enum": ["reporter", "operator"]}, "text": _TEXT})),
        "history": _list(_object({"at": _INSTANT, "kind": _happening(), "text": ref("Texts")})),
        "received_at": _INSTANT,
        "updated_at": _INSTANT,
        "version": {"type": "string", "description": "Send it as `seen` to wait for the next one"},
    }


def _notification() -> Json:
    return {
        "id": _COUNT,
        "at": _INSTANT,
        "incident": _TEXT,
        "reference": REFERENCE,
        "kind": _happening(),
        "state": {"enum": STATES},
        "text": ref("Texts"),
        "message": _or_null("string"),
    }


def _stage() -> Json:
    return {"enum": [stage.value for stage in Stage]}


def _happening() -> Json:
    return {"enum": [kind.value for kind in Happening]}


def _operating(catalogue: Catalogue) -> Json:
    unit = {"code": _TEXT, "agency": _TEXT, "name": _TEXT, "busy_with": _list(REFERENCE)}
    return {
        "BoardLine": _object(_line()),
        "Board": _page(ref("BoardLine"), version=_COUNT, unread=_COUNT),
        "BoardCase": _answer({**_line(), **_case()}),
        "Action": {"oneOf": [_action(name, catalogue) for name in ACTIONS]},
        "Unit": _object(unit),
        "UnitPage": _page(ref("Unit"), verified=_FLAG),
    }


def _line() -> Json:
    return {
        "reference": REFERENCE,
        "kind": _TEXT,
        "state": {"enum": STATES},
        "priority": {"enum": [1, 2, 3]},
        "unread": _FLAG,
        "overdue": {"type": "boolean", "description": "Unread for 30 s: its caller was told to telephone"},
        "waiting_seconds": _or_null("integer"),
        "suspicion": {"enum": [0, 1, 2], "description": "Signs of a prank: none, some, strong"},
        "signals": _list(_TEXT),
        "corroborated": {"type": "boolean", "description": "Somebody else reports the same"},
        "group": _COUNT,
        "joined_with": _or_null("string"),
        "silent": _FLAG,
        "callback": _TEXT,
        "lat": _or_null("number"),
        "lon": _or_null("number"),
        "landmark": _or_null("string"),
        "district": {"type": ["string", "null"], "description": "Kemendagri code of the nearest kecamatan's centroid"},
        "outside_city": _FLAG,
        "description": _or_null("string"),
        "received_at": _INSTANT,
        "updated_at": _INSTANT,
    }


def _case() -> Json:
    centre = _object({"code": _TEXT, "name": _TEXT})
    event = {
        "at": _INSTANT,
        "kind": _happening(),
        "by": {"enum": ["reporter", "operator"]},
        "detail": {"type": "object"},
    }
    return {
        "kind_title": ref("Texts"),
        "kind_given": _TEXT,
        "agencies": _list(_TEXT),
        "name": _or_null("string"),
        "people": _or_null("integer"),
        "accuracy_m": _or_null("number"),
        "assurance": _or_null("string"),
        "centre": {"oneOf": [centre, {"type": "null"}]},
        "units": _list(_object({"code": _TEXT, "stage": _stage()})),
        "joined": _list(REFERENCE),
        "beside": _list(REFERENCE),
        "group_size": _COUNT,
        "events": _list(_object(event)),
        "actions": _list({"enum": list(ACTIONS)}),
        "rules_verified": _FLAG,
        "version": _COUNT,
    }


_WORDS: Json = {"type": "string", "minLength": 1, "maxLength": 4000, "pattern": r"\S"}


def _action(name: str, catalogue: Catalogue) -> Json:
    """Describe one action; closed, so that a misspelt member is refused and not forgotten."""
    unit = {"enum": list(catalogue.units)}
    members: dict[str, Json] = {
        "assess": {"priority": {"type": "integer", "minimum": 1, "maximum": 3}, "kind": _choice(catalogue.kinds)},
        "dispatch": {"units": {"type": "array", "minItems": 1, "maxItems": 20, "items": unit}},
        **{move: {"unit": {"type": "string", "minLength": 1, "maxLength": 32}} for move in _UNIT_MOVES},
        "close": {
            "outcome": {"enum": ["handled", "handled_by_phone", "no_help_needed", "nobody_found"]},
            "note": {**_WORDS, "type": ["string", "null"]},
        },
        **{judgement: {"reason": _WORDS} for judgement in ("reopen", "find_untrue", "reinstate", "take_back")},
        "merge": {"into": {"type": "string", "minLength": 1, "maxLength": 16}},
        "hand_over": {
            "centre": {"enum": list(catalogue.neighbours)},
            "note": {**_WORDS, "type": ["string", "null"]},
        },
        **{sentence: {"text": _WORDS} for sentence in ("note", "write")},
    }
    described = _object({"action": {"const": name}, **members.get(name, {})}, optional=("kind", "note"))
    return {**described, "additionalProperties": False}


_UNIT_MOVES = ("depart", "arrive", "release")


def _choice(known: Iterable[str]) -> Json:
    return {"enum": [*known, None]}
