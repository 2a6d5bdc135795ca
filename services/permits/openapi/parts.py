"""Pieces that the paths of this service are described with."""

from services.kit import openapi as doc
from services.kit.openapi import ANYONE, IDEMPOTENCY_KEY, IF_MATCH, SIGNED_IN, Json, ref
from services.permits.catalogue import Catalogue

ID = doc.parameter("id", "path", {"type": "string"}, "Number of the application")
SHA256 = doc.parameter("sha256", "path", {"type": "string"}, "Content hash of the document")
ETAG: Json = {"ETag": {"schema": {"type": "string"}}}
NOTHING: Json = {"required": False, "content": {"application/json": {"schema": ref("Nothing"), "example": {}}}}
CHANGE_FAULTS = (400, 401, 404, 409, 412, 413, 415, 422)


def change(operation_id: str, summary: str, answer: Json, *, body: Json, tag: str = "applications") -> Json:
    """Describe a POST or PATCH that changes one case."""
    faults = CHANGE_FAULTS if tag == "applications" else (*CHANGE_FAULTS, 403)
    return doc.operation(
        operation_id,
        summary,
        responses={"200": answer, **doc.problems(*sorted(faults))},
        security=SIGNED_IN,
        parameters=[ID, IDEMPOTENCY_KEY, IF_MATCH],
        body=body,
        tags=[tag],
    )


def read(
    operation_id: str,
    summary: str,
    answer: Json,
    *,
    parameters: list[Json] | None = None,
    faults: tuple[int, ...],
    security: list[Json] = ANYONE,
    tag: str = "public",
) -> Json:
    """Describe a GET."""
    return doc.operation(
        operation_id,
        summary,
        responses={"200": answer, "304": {"description": "The client has it"}, **doc.problems(*faults)},
        security=security,
        parameters=parameters or [],
        tags=[tag],
    )


def signed_in(
    operation_id: str, summary: str, answer: Json, *, parameters: list[Json], faults: tuple[int, ...] = (401, 404)
) -> Json:
    """Describe a citizen's GET."""
    return read(
        operation_id, summary, answer, parameters=parameters, faults=faults, security=SIGNED_IN, tag="applications"
    )


def officer(
    operation_id: str, summary: str, answer: Json, *, parameters: list[Json], faults: tuple[int, ...] = (401, 403, 404)
) -> Json:
    """Describe an officer's GET."""
    return read(operation_id, summary, answer, parameters=parameters, faults=faults, security=SIGNED_IN, tag="desk")


def filters(states: list[str], catalogue: Catalogue) -> list[Json]:
    """Describe filters that take one word or several joined by commas."""
    described = []
    for name, words in (("state", states), ("type", list(catalogue.kinds))):
        schema: Json = {"type": "array", "items": {"type": "string", "enum": words}, "minItems": 1}
        described.append({**doc.parameter(name, "query", schema), "style": "form", "explode": False})
    return described


def file(*media_types: str) -> Json:
    """Describe an answer that is a file."""
    return {
        "description": "The file",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types},
    }
