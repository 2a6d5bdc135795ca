"""Small schemas that others are made of."""

from collections.abc import Sequence

from services.complaints.life import Happening, Status
from services.complaints.tickets import SECRET_PATTERN, TICKET_PATTERN
from services.kit.openapi import Json, ref
from services.kit.places import KECAMATAN

TICKET_NUMBER: Json = {"type": "string", "pattern": TICKET_PATTERN, "examples": ["LKS-7K2MF-9QX4T"]}
SECRET: Json = {"type": "string", "pattern": SECRET_PATTERN, "examples": ["XS7CY-4TYU2-DHH8Y-G8UUS-R7DGR"]}
STATES = [status.value for status in Status if status is not Status.NEW]
DISTRICTS = [place.code for place in KECAMATAN]

INSTANT: Json = {"type": "string", "format": "date-time"}
DAY: Json = {"type": "string", "format": "date"}
STATE: Json = {"type": "string", "enum": STATES}
COLOUR: Json = {"type": "string", "enum": ["red", "yellow", "green", "grey"]}
COUNT: Json = {"type": "integer", "minimum": 0}
BOTH: Json = ref("BothLanguages")
TEXT_OR_NULL: Json = {"type": ["string", "null"]}
WORDS: Json = {"type": "array", "items": {"type": "string"}}
HAPPENINGS: Json = {"type": "string", "enum": [kind.value for kind in Happening]}


def words(least: int, most: int, description: str = "") -> Json:
    """Describe a text of a person: bounded, not blank, without NUL."""
    pattern = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
    described = {"description": description} if description else {}
    return {"type": "string", "minLength": least, "maxLength": most, "pattern": pattern, **described}


def nullable(schema: Json) -> Json:
    """Allow null beside a schema."""
    return {"anyOf": [schema, {"type": "null"}]}


def object_schema(properties: Json, *, optional: Sequence[str] = (), **more: object) -> Json:
    """Describe an object whose properties are all required but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "properties": properties, **more}


def closed_schema(properties: Json, *, optional: Sequence[str] = (), **more: object) -> Json:
    """Describe an object that has no other properties."""
    return object_schema(properties, optional=optional, additionalProperties=False, **more)
