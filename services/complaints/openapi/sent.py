"""What citizens and officers send."""

from services.complaints.catalogue import Catalogue
from services.complaints.desk_actions import ACTIONS
from services.complaints.openapi.parts import TICKET_NUMBER, closed_schema, nullable, words
from services.kit.openapi import Json


def sent_schemas(catalogue: Catalogue) -> Json:
    """Return the schemas of request bodies."""
    stars = {"type": "integer", "minimum": 1, "maximum": 5}
    return {
        "NewReport": _new_report(catalogue),
        "NewReportForm": _new_report_form(catalogue),
        "Reply": closed_schema({"message": words(3, 4000)}),
        "Rating": closed_schema({"stars": stars, "comment": nullable(words(1, 1000))}, optional=["comment"]),
        "Action": {"oneOf": [_action(name, catalogue) for name in ACTIONS]},
    }


def _fields(catalogue: Catalogue) -> Json:
    return {
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


def _new_report(catalogue: Catalogue) -> Json:
    """Describe the JSON form: a position, a landmark or both; null is as good as nothing."""
    fields = _fields(catalogue)
    may_be_null = {name: nullable(fields[name]) for name in ("lat", "lon", "landmark", "anonymous")}
    position = {
        "required": ["lat", "lon"],
        "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
    }
    landmark = {
        "required": ["landmark"],
        "properties": {"landmark": {"type": "string"}, "lat": {"type": "null"}, "lon": {"type": "null"}},
    }
    optional = [name for name in fields if name not in ("category", "description")]
    return closed_schema({**fields, **may_be_null}, optional=optional, anyOf=[position, landmark])


def _new_report_form(catalogue: Catalogue) -> Json:
    """Describe the multipart form: the same fields, and photos."""
    fields = _fields(catalogue)
    photos = {
        "type": "array",
        "maxItems": 3,
        "items": {"type": "string", "contentMediaType": "image/jpeg"},
        "description": "Photos: JPEG, PNG or WebP, at most 5 MB each",
    }
    optional = [name for name in fields if name not in ("category", "description")]
    place = [{"required": ["lat", "lon"]}, {"required": ["landmark"]}]
    together = {"lat": ["lon"], "lon": ["lat"]}
    properties = {**fields, "file": photos}
    return closed_schema(properties, optional=[*optional, "file"], anyOf=place, dependentRequired=together)


def _action(name: str, catalogue: Catalogue) -> Json:
    """Describe one action by its own model, so that the document cannot drift from what is accepted."""
    model = ACTIONS[name].model
    known = _action_fields(catalogue) | {"reason": _reasons(name)}
    fields, optional = dict[str, Json](), list[str]()
    for field, info in model.model_fields.items():
        if field != "action":
            fields[field] = known[field] if info.is_required() else nullable(known[field])
        if not info.is_required():
            optional.append(field)
    return closed_schema({"action": {"const": name}, **fields}, optional=optional, title=name)


def _action_fields(catalogue: Catalogue) -> Json:
    agencies = {"type": "string", "enum": list(catalogue.agencies)}
    return {
        "message": words(3, 4000, "Read by the reporter"),
        "agency": agencies,
        "suggestion": agencies,
        "handling": {"type": "string", "enum": ["normative", "without_supervision", "supervision"]},
        "of": TICKET_NUMBER,
        "summary": words(10, 500, "What everybody may read; names nobody"),
        "photos": {"type": "array", "maxItems": 12, "items": {"type": "integer", "minimum": 1, "maximum": 12}},
    }


def _reasons(name: str) -> Json:
    properties = ACTIONS[name].model.model_json_schema()["properties"]
    return {"type": "string", "enum": list(properties.get("reason", {}).get("enum", []))}
