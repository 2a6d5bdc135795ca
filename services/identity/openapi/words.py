"""What the parts of the document are put together from."""

from services.identity import bodies
from services.kit.openapi import Json, json_answer, json_body, parameter, ref

PUBLIC: list[Json] = [{}]
ID = parameter("id", "path", {"type": "string", "maxLength": 64})
BODY = (400, 413, 415, 422)  # what may be wrong with any JSON body
ENDED: Json = {"204": {"description": "Done"}}


def sent(model: type[bodies.Body], example: Json) -> Json:
    """Describe a JSON body."""
    return json_body(ref(model.__name__), example)


def answered(name: str, example: Json, status: str = "200", description: str = "OK") -> Json:
    """Describe a JSON answer by the name of its schema."""
    return {status: json_answer(description, ref(name), example)}


def page_of(name: str, example: Json) -> Json:
    """Describe a page of a list."""
    return answered(name, {"items": [example], "next": None})


def not_modified() -> Json:
    """Describe the answer to a conditional request."""
    return {"304": {"description": "You have it already"}}
