"""The schemas of the OpenAPI document: what each audience sends and sees, with one true-to-life example each."""

from collections.abc import Sequence

from services.complaints.catalogue import Catalogue
from services.complaints.desk_actions import ACTIONS
from services.complaints.life import Actor, Happening, Place, Status
from services.complaints.tickets import SECRET_PATTERN, TICKET_PATTERN
from services.kit.openapi import Json, page_schema, ref
from services.kit.places import KECAMATAN

TICKET_NUMBER: Json = {"type": "string", "pattern": TICKET_PATTERN, "examples": ["LKS-7K2MF-9QX4T"]}
SECRET: Json = {"type": "string", "pattern": SECRET_PATTERN, "examples": ["XS7CY-4TYU2-DHH8Y-G8UUS-R7DGR"]}
STATES = [status.value for status in Status if status is not Status.NEW]
DISTRICTS = [place.code for place in KECAMATAN]

_INSTANT: Json = {"type": "string", "format": "date-time"}
_DAY: Json = {"type": "string", "format": "date"}
_STATE: Json = {"type": "string", "enum": STATES}
_COLOUR: Json = {"type": "string", "enum": ["red", "yellow", "green", "grey"]}
_COUNT: Json = {"type": "integer", "minimum": 0}
_BOTH: Json = ref("BothLanguages")


def words(least: int, most: int, description: str = "") -> Json:
    """Describe a text of a person: bounded, not blank, without NUL."""
    pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    described = {"description": description} if description else {}
    return {"type": "string", "minLength": least, "maxLength": most, "pattern": pattern, **described}


def _nullable(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: Json, *, optional: Sequence[str] = (), **more: object) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties, **more}


def _closed(properties: Json, *, optional: Sequence[str] = (), **more: object) -> Json:
    return _object(properties, optional=optional, additionalProperties=False, **more)


def _headline() -> Json:
    return {
        "ticket": TICKET_NUMBER,
        "state": _STATE,
        "state_text": _BOTH,
        "place_in_balance": {"type": "string", "enum": [place.value for place in Place]},
        "colour": _COLOUR,
        "kind": {"type": "string", "enum": ["complaint", "aspiration", "information"]},
        "category": {"type": "string"},
        "category_title": _nullable(_BOTH),
        "agency": {"type": ["string", "null"]},
        "district": _nullable(ref("District")),
        "received_at": _INSTANT,
        "updated_at": _INSTANT,
        "due_at": _nullable(_INSTANT),
        "is_late": {"type": "boolean"},
        "duplicate_of": _nullable(TICKET_NUMBER),
    }


def _detailed() -> Json:
    return {
        **_headline(),
        "description": {"type": "string"},
        "place": _object(
            {"lat": {"type": ["number", "null"]}, "lon": {"type": ["number", "null"]}, "landmark": _TEXT_OR_NULL}
        ),
        "anonymous": {"type": "boolean"},
        "confidential": {"type": "boolean"},
        "rating": _nullable(ref("GivenRating")),
        "clocks": {"type": "array", "items": ref("Clock")},
        "photos": {"type": "array", "items": ref("Photo")},
        "published": _object(
            {"summary": _TEXT_OR_NULL, "photos": {"type": "array", "items": {"type": "integer", "minimum": 1}}}
        ),
        "history": {"type": "array", "items": ref("HistoryEntry")},
    }


_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_WORDS: Json = {"type": "array", "items": {"type": "string"}}
_HAPPENINGS: Json = {"type": "string", "enum": [kind.value for kind in Happening]}


def _places() -> Json:
    return _object({place.value: _COUNT for place in Place})


def _new_report(catalogue: Catalogue) -> Json:
    properties = {
        "category": {"type": "string", "enum": list(catalogue.categories)},
        "description": words(10, 4000, "What is wrong; shown to officers, never to the public"),
        "kind": {"type": "string", "enum": ["complaint", "aspiration", "information"], "default": "complaint"},
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "lon": {"type": "number", "minimum": -180, "maximum": 180},
        "landmark": words(3, 200),
        "anonymous": {
            "type": "boolean",
            "description": "Nothing ties the report to an account; the answer holds a secret. True when not signed in",
        },
        "confidential": {
            "type": "boolean",
            "default": False,
            "description": "The report is seen by the officers in charge alone",
        },
    }
    optional = [name for name in properties if name not in ("category", "description")]
    place = [{"required": ["lat", "lon"]}, {"required": ["landmark"]}]
    together = {"lat": ["lon"], "lon": ["lat"]}
    return _closed(properties, optional=optional, anyOf=place, dependentRequired=together)


def _new_report_form(catalogue: Catalogue) -> Json:
    report = _new_report(catalogue)
    files = {
        "type": "array",
        "maxItems": 3,
        "items": {"type": "string", "contentMediaType": "image/jpeg"},
        "description": "Photos: JPEG, PNG or WebP, at most 5 MB each",
    }
    return {**report, "properties": {**report["properties"], "file": files}}


def schemas(catalogue: Catalogue) -> Json:
    """Return every named schema of the document."""
    return {
        "BothLanguages": _object({"id": {"type": "string"}, "en": {"type": "string"}}),
        "District": _object(
            {"code": {"type": "string", "enum": DISTRICTS}, "name": {"type": "string"}, "approximate": {"const": True}}
        ),
        "NewReport": _new_report(catalogue),
        "NewReportForm": _new_report_form(catalogue),
        "Reply": _closed({"message": words(3, 4000)}),
        "Rating": _closed(
            {"stars": {"type": "integer", "minimum": 1, "maximum": 5}, "comment": words(1, 1000)}, optional=["comment"]
        ),
        **_report_parts(),
        "Headline": _object(_headline()),
        "HeadlinePage": page_schema(ref("Headline")),
        "Report": _object({**_detailed(), "may": _WORDS}),
        "CreatedReport": _object({**_detailed(), "may": _WORDS, "secret": SECRET}, optional=["secret"]),
        **_public(),
        **_balance(),
        **_inbox(),
        **_desk(catalogue),
    }


def _report_parts() -> Json:
    return {
        "GivenRating": _object({"stars": {"type": "integer"}, "comment": _TEXT_OR_NULL, "at": _INSTANT}),
        "Clock": _object(
            {
                "code": {"type": "string"},
                "title": _BOTH,
                "promised": {"type": "integer"},
                "unit": {"type": "string", "enum": ["workdays", "days"]},
                "state": {"type": "string", "enum": ["running", "paused", "stopped"]},
                "due_at": _nullable(_INSTANT),
                "is_missed": {"type": "boolean"},
                "source": {"type": "string"},
                "verified": {"type": "boolean", "description": "False: example data, not checked against the law"},
            }
        ),
        "Photo": _object(
            {
                "number": {"type": "integer", "minimum": 1},
                "stage": {"type": "string", "enum": ["before", "after"]},
                "href": {"type": "string"},
                "media_type": {"type": "string"},
                "size_bytes": _COUNT,
            }
        ),
        "HistoryEntry": _object(
            {
                "at": _INSTANT,
                "kind": _HAPPENINGS,
                "by": {"type": "string", "enum": [actor.value for actor in Actor]},
                "text": _BOTH,
                "message": {"type": "string"},
            },
            optional=["message"],
        ),
    }


def _public() -> Json:
    return {
        "PublicReport": _object(
            {
                "ticket": TICKET_NUMBER,
                "state": _STATE,
                "state_text": _BOTH,
                "colour": _COLOUR,
                "kind": {"type": "string"},
                "category": {"type": "string"},
                "category_title": _nullable(_BOTH),
                "agency": _TEXT_OR_NULL,
                "district": _nullable(ref("District")),
                "position": _nullable(_object({"lat": {"type": "number"}, "lon": {"type": "number"}})),
                "summary": _TEXT_OR_NULL,
                "received_on": _DAY,
                "updated_on": _DAY,
                "is_late": {"type": "boolean"},
                "missed_time_limits": _COUNT,
                "photos": _object({"before": _WORDS, "after": _WORDS}),
                "stars": {"type": ["integer", "null"]},
                "followers": _COUNT,
                "duplicate_of": _nullable(TICKET_NUMBER),
            }
        ),
        "PublicPage": page_schema(ref("PublicReport")),
        "PublicMap": _object(
            {
                "type": {"const": "FeatureCollection"},
                "features": {"type": "array", "items": {"type": "object"}},
                "next": _TEXT_OR_NULL,
            }
        ),
        "Following": _object({"ticket": TICKET_NUMBER, "following": {"type": "boolean"}, "followers": _COUNT}),
        "Category": _object(
            {
                "code": {"type": "string"},
                "title": _BOTH,
                "agency": {"type": "string"},
                "handling": {"type": "string"},
                "shows_position": {"type": "boolean"},
                "needs_evidence": {"type": "boolean"},
                "source": {"type": "string"},
                "verified": {"type": "boolean"},
            }
        ),
        "CategoryPage": page_schema(ref("Category")),
    }


def _balance() -> Json:
    by_state: Json = {"type": "object", "additionalProperties": _COUNT}
    return {
        "Balance": _object(
            {
                "as_of": _INSTANT,
                "received": _COUNT,
                "places": _places(),
                "states": by_state,
                "closes": {"type": "boolean", "description": "The four counts of `proof` agree"},
                "proof": {"type": "object"},
                "days": {"type": "array", "items": ref("BalanceDay")},
                "next": _TEXT_OR_NULL,
            }
        ),
        "BalanceDay": _object(
            {
                "date": _DAY,
                "places_at_start": _places(),
                "received": _COUNT,
                "entered": _places(),
                "left": _places(),
                "places_at_end": _places(),
                "states_at_end": by_state,
                "received_so_far": _COUNT,
            }
        ),
    }


def _inbox() -> Json:
    return {
        "Notification": _object(
            {
                "id": {"type": "integer"},
                "at": _INSTANT,
                "ticket": TICKET_NUMBER,
                "relation": {"type": "string", "enum": ["reporter", "follower"]},
                "kind": _HAPPENINGS,
                "state": _STATE,
                "text": _BOTH,
                "message": _TEXT_OR_NULL,
            }
        ),
        "NotificationPage": page_schema(ref("Notification")),
    }


def _desk(catalogue: Catalogue) -> Json:
    positions = _object({"number": {"type": "integer"}, "lat": {"type": "number"}, "lon": {"type": "number"}})
    return {
        "OfficerReport": _object(
            {
                **_detailed(),
                "handling": {"type": "string"},
                "photo_positions": {"type": "array", "items": positions},
                "may": {"type": "object", "additionalProperties": _WORDS},
            }
        ),
        "Action": {"oneOf": [_action(name, catalogue) for name in ACTIONS]},
    }


def _action(name: str, catalogue: Catalogue) -> Json:
    """Describe one action by its own model, so that the document cannot drift from what is accepted."""
    model = ACTIONS[name].model
    known: Json = {
        "message": words(3, 4000, "Read by the reporter"),
        "agency": {"type": "string", "enum": list(catalogue.agencies)},
        "suggestion": {"type": "string", "enum": list(catalogue.agencies)},
        "handling": {"type": "string", "enum": ["normative", "without_supervision", "supervision"]},
        "of": TICKET_NUMBER,
        "summary": words(10, 500, "What everybody may read; names nobody"),
        "photos": {"type": "array", "maxItems": 20, "items": {"type": "integer", "minimum": 1, "maximum": 12}},
        "reason": {
            "type": "string",
            "enum": list(model.model_json_schema()["properties"].get("reason", {}).get("enum", [])),
        },
    }
    fields = {field: known[field] for field in model.model_fields if field != "action"}
    optional = [field for field, info in model.model_fields.items() if not info.is_required()]
    return _closed({"action": {"const": name}, **fields}, optional=optional, title=name)
