"""Reading what a request carries: JSON bodies and query strings, bounded and strict.

Nothing is guessed: another media type, an unknown or repeated query name, or a NUL is refused.
"""

import re
from collections.abc import Collection
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from services.kit.problem import Problem, Text, bad_request, from_validation

MAX_JSON_BYTES = 256 * 1024

Model = TypeVar("Model", bound=BaseModel)

# An escaped NUL is legal JSON, yet PostgreSQL cannot store it in text: refuse it on every database.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def too_large(max_bytes: int) -> Problem:
    """Build a 413 that names the bound."""
    return Problem(
        413,
        "body-too-large",
        Text("Kiriman terlalu besar", "Content too large"),
        Text(f"Batasnya {max_bytes:,} bita.".replace(",", "."), f"The limit is {max_bytes:,} bytes."),
        extensions={"max_bytes": max_bytes},
    )


def unsupported_type(expected: str) -> Problem:
    """Build a 415 that names what is accepted."""
    return Problem(
        415,
        "unsupported-media-type",
        Text("Jenis isi tidak didukung", "Unsupported media type"),
        Text(f"Kirim sebagai {expected}.", f"Send it as {expected}."),
        headers={"Accept": expected},
    )


def media_type(request: Request) -> str:
    """Return the media type of the request's body in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_bounded(request: Request, *, max_bytes: int) -> bytes:
    """Read the whole body, or stop with a 413 as soon as it exceeds the bound."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large(max_bytes)
    return bytes(body)


async def read_json_bytes(request: Request, *, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """Read a body that says it is JSON."""
    if media_type(request) != "application/json":
        raise unsupported_type("application/json")
    return await read_bounded(request, max_bytes=max_bytes)


def parse_json(body: bytes, model: type[Model]) -> Model:
    """Validate JSON into a model; 400 when it is not JSON, 422 when fields are wrong."""
    if _ESCAPED_NUL.search(body):
        raise bad_request("nul-character", "Karakter NUL tidak diterima.", "NUL is not accepted.")
    try:
        return model.model_validate_json(body)
    except ValidationError as exc:
        raise from_validation(exc) from None


async def read_json(request: Request, model: type[Model], *, max_bytes: int = MAX_JSON_BYTES) -> Model:
    """Read and validate a JSON body in one go."""
    return parse_json(await read_json_bytes(request, max_bytes=max_bytes), model)


def single_values(request: Request, *, allowed: Collection[str]) -> dict[str, str]:
    """Return the query as a plain mapping; an unknown or repeated name is a 400."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            names = ", ".join(sorted(allowed)) or "-"
            raise bad_request(
                "unknown-parameter",
                f"Parameter tidak dikenal. Yang ada: {names}.",
                f"Unknown query parameter. Known: {names}.",
            )
        if name in found:
            raise bad_request("repeated-parameter", f"Parameter {name} diulang.", f"Parameter {name} is repeated.")
        found[name] = value
    return found


def read_query(request: Request, model: type[Model]) -> Model:
    """Validate the query string into a model whose fields are the allowed names; faults are a 400."""
    values = single_values(request, allowed=model.model_fields.keys())
    try:
        return model.model_validate_strings(values)
    except ValidationError as exc:
        raise from_validation(exc, status=400) from None
