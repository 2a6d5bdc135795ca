"""What each audience is shown."""

from services.complaints.life import Actor, Place
from services.complaints.openapi.parts import (
    BOTH,
    COLOUR,
    COUNT,
    DAY,
    DISTRICTS,
    HAPPENINGS,
    INSTANT,
    SECRET,
    STATE,
    TEXT_OR_NULL,
    TICKET_NUMBER,
    WORDS,
    nullable,
    object_schema,
)
from services.kit.openapi import Json, page_schema, ref


def shown_schemas() -> Json:
    """Return the schemas of answers."""
    report = {**_detailed(), "may": WORDS}
    return {
        "BothLanguages": object_schema({"id": {"type": "string"}, "en": {"type": "string"}}),
        "District": object_schema(
            {"code": {"type": "string", "enum": DISTRICTS}, "name": {"type": "string"}, "approximate": {"const": True}}
        ),
        "Headline": object_schema(_headline()),
        "HeadlinePage": page_schema(ref("Headline")),
        "Report": object_schema(report),
        "CreatedReport": object_schema({**report, "secret": SECRET}, optional=["secret"]),
        "GivenRating": object_schema({"stars": {"type": "integer"}, "comment": TEXT_OR_NULL, "at": INSTANT}),
        **_report_parts(),
        "OfficerReport": _officer_report(),
        **_public(),
        **_balance(),
        **_inbox(),
    }


def _headline() -> Json:
    return {
        "ticket": TICKET_NUMBER,
        "state": STATE,
        "state_text": BOTH,
        "place_in_balance": {"type": "string", "enum": [place.value for place in Place]},
        "colour": COLOUR,
        "kind": {"type": "string", "enum": ["complaint", "aspiration", "information"]},
        "category": {"type": "string"},
        "category_title": nullable(BOTH),
        "agency": {"type": ["string", "null"]},
        "district": nullable(ref("District")),
        "received_at": INSTANT,
        "updated_at": INSTANT,
        "due_at": nullable(INSTANT),
        "is_late": {"type": "boolean"},
        "duplicate_of": nullable(TICKET_NUMBER),
    }


def _detailed() -> Json:
    return {
        **_headline(),
        "description": {"type": "string"},
        "place": object_schema(
            {"lat": {"type": ["number", "null"]}, "lon": {"type": ["number", "null"]}, "landmark": TEXT_OR_NULL}
        ),
        "anonymous": {"type": "boolean"},
        "confidential": {"type": "boolean"},
        "rating": nullable(ref("GivenRating")),
        "clocks": {"type": "array", "items": ref("Clock")},
        "photos": {"type": "array", "items": ref("Photo")},
        "published": object_schema(
            {"summary": TEXT_OR_NULL, "photos": {"type": "array", "items": {"type": "integer", "minimum": 1}}}
        ),
        "history": {"type": "array", "items": ref("HistoryEntry")},
    }


def _places() -> Json:
    return object_schema({place.value: COUNT for place in Place})


def _report_parts() -> Json:
    return {
        "Clock": object_schema(
            {
                "code": {"type": "string"},
                "title": BOTH,
                "promised": {"type": "integer"},
                "unit": {"type": "string", "enum": ["workdays", "days"]},
                "state": {"type": "string", "enum": ["running", "paused", "stopped"]},
                "due_at": nullable(INSTANT),
                "is_missed": {"type": "boolean"},
                "source": {"type": "string"},
                "verified": {"type": "boolean", "description": "False: example data, not checked against the law"},
            }
        ),
        "Photo": object_schema(
            {
                "number": {"type": "integer", "minimum": 1},
                "stage": {"type": "string", "enum": ["before", "after"]},
                "href": {"type": "string"},
                "media_type": {"type": "string"},
                "size_bytes": COUNT,
            }
        ),
        "HistoryEntry": object_schema(
            {
                "at": INSTANT,
                "kind": HAPPENINGS,
                "by": {"type": "string", "enum": [actor.value for actor in Actor]},
                "text": BOTH,
                "message": {"type": "string"},
            },
            optional=["message"],
        ),
    }


def _officer_report() -> Json:
    position = object_schema({"number": {"type": "integer"}, "lat": {"type": "number"}, "lon": {"type": "number"}})
    return object_schema(
        {
            **_detailed(),
            "handling": {"type": "string"},
            "photo_positions": {"type": "array", "items": position},
            "may": {"type": "object", "additionalProperties": WORDS},
        }
    )


def _public() -> Json:
    return {
        "PublicReport": object_schema(
            {
                "ticket": TICKET_NUMBER,
                "state": STATE,
                "state_text": BOTH,
                "colour": COLOUR,
                "kind": {"type": "string"},
                "category": {"type": "string"},
                "category_title": nullable(BOTH),
                "agency": TEXT_OR_NULL,
                "district": nullable(ref("District")),
                "position": nullable(object_schema({"lat": {"type": "number"}, "lon": {"type": "number"}})),
                "summary": TEXT_OR_NULL,
                "received_on": DAY,
                "updated_on": DAY,
                "is_late": {"type": "boolean"},
                "missed_time_limits": COUNT,
                "photos": object_schema({"before": WORDS, "after": WORDS}),
                "stars": {"type": ["integer", "null"]},
                "followers": COUNT,
                "duplicate_of": nullable(TICKET_NUMBER),
            }
        ),
        "PublicPage": page_schema(ref("PublicReport")),
        "PublicMap": object_schema(
            {
                "type": {"const": "FeatureCollection"},
                "features": {"type": "array", "items": {"type": "object"}},
                "next": TEXT_OR_NULL,
            }
        ),
        "Following": object_schema({"ticket": TICKET_NUMBER, "following": {"type": "boolean"}, "followers": COUNT}),
        "Category": object_schema(
            {
                "code": {"type": "string"},
                "title": BOTH,
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
    by_state: Json = {"type": "object", "additionalProperties": COUNT}
    return {
        "Balance": object_schema(
            {
                "as_of": INSTANT,
                "received": COUNT,
                "places": _places(),
                "states": by_state,
                "closes": {"type": "boolean", "description": "The four counts of `proof` agree"},
                "proof": {"type": "object"},
                "days": {"type": "array", "items": ref("BalanceDay")},
                "next": TEXT_OR_NULL,
            }
        ),
        "BalanceDay": object_schema(
            {
                "date": DAY,
                "places_at_start": _places(),
                "received": COUNT,
                "entered": _places(),
                "left": _places(),
                "places_at_end": _places(),
                "states_at_end": by_state,
                "received_so_far": COUNT,
            }
        ),
    }


def _inbox() -> Json:
    return {
        "Notification": object_schema(
            {
                "id": {"type": "integer"},
                "at": INSTANT,
                "ticket": TICKET_NUMBER,
                "relation": {"type": "string", "enum": ["reporter", "follower"]},
                "kind": HAPPENINGS,
                "state": STATE,
                "text": BOTH,
                "message": TEXT_OR_NULL,
            }
        ),
        "NotificationPage": page_schema(ref("Notification")),
    }
