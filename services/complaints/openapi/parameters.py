"""Parameters, bodies and answers that several paths share."""

from services.complaints.catalogue import Catalogue
from services.complaints.openapi.parts import DISTRICTS, STATES, TICKET_NUMBER
from services.complaints.service import SECRET_HEADER
from services.kit.openapi import Json, parameter

TICKET = parameter("ticket", "path", TICKET_NUMBER)
NUMBER = parameter("number", "path", {"type": "integer", "minimum": 1, "maximum": 12})
# Without a pattern: case and dashes do not matter, and whoever is signed in may send a wrong one.
TICKET_SECRET = parameter(SECRET_HEADER, "header", {"type": "string"}, "The ticket's secret, instead of a sign-in")

NOT_MODIFIED: Json = {"304": {"description": "Not modified"}}
PICTURE_ANSWER: Json = {
    "200": {"description": "The photo, without metadata", "content": {"image/jpeg": {"schema": {}}}},
    **NOT_MODIFIED,
}
PICTURE_BODY: Json = {
    "required": True,
    "content": {
        **{kind: {"schema": {"contentMediaType": kind}} for kind in ("image/jpeg", "image/png", "image/webp")},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {"file": {"type": "string", "contentMediaType": "image/jpeg"}},
            }
        },
    },
}


def _several(name: str, words: list[str]) -> Json:
    schema = {"type": "array", "items": {"type": "string", "enum": words}, "minItems": 1}
    return {**parameter(name, "query", schema, "One or several, joined by commas"), "style": "form", "explode": False}


STATE = _several("state", STATES)
DISTRICT = _several("district", DISTRICTS)


def category(catalogue: Catalogue) -> Json:
    """Describe the filter by category."""
    return _several("category", list(catalogue.categories))


def agency(catalogue: Catalogue) -> Json:
    """Describe the filter by agency."""
    return _several("agency", list(catalogue.agencies))
