"""Small pieces to write an OpenAPI 3.1 document by hand, as plain dicts that read like the document itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.kit.clock import INSTANT_PATTERN

Json = dict[str, Any]  # Any: the document is JSON

_PROBLEM_TEXTS = {
    400: "The request cannot be read",
    401: "Sign in first",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible in the present state",
    412: "Changed by someone else meanwhile",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Some fields need correcting",
    428: "If-Match is required",
    429: "Too many attempts",
    500: "A fault of ours",
    503: "Passing fault, try again",
}
PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status", "instance", "code", "source"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "Stable; programs may rely on it"},
        "case": {"type": "string", "description": "Quote it when you call us"},
        "source": {"type": "string", "enum": ["agency"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
SIGNED_IN: list[Json] = [{"assertion": []}]
ANYONE: list[Json] = [{}, {"assertion": []}]
IDEMPOTENCY_KEY: Json = {"$ref": "#/components/parameters/IdempotencyKey"}
SINCE: Json = {"$ref": "#/components/parameters/Since"}
IF_MATCH: Json = {"$ref": "#/components/parameters/IfMatch"}
_PARAMETERS: Json = {
    "Limit": {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100},
    },
    "Cursor": {
        "name": "cursor",
        "in": "query",
        "description": "`next` of the page before",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    },
    "Since": {
        "name": "since",
        "in": "query",
        "description": "What happened at or after this instant",
        "schema": {"type": "string", "format": "date-time", "pattern": INSTANT_PATTERN},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Send the same key again when you do not know whether the first attempt arrived",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "IfMatch": {"name": "If-Match", "in": "header", "schema": {"type": "string"}},
}


def ref(name: str) -> Json:
    """Refer to a schema of this document."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter(name: str, where: str, schema: Json, description: str = "", *, required: bool = False) -> Json:
    """Describe one parameter; a path parameter is always required."""
    described = {"description": description} if description else {}
    return {
        "name": name,
        "in": where,
        "required": required or where == "path",
        "schema": schema,
        **described,
    }


def paging(sorts: Sequence[str], default: str) -> list[Json]:
    """Describe the parameters every list takes; each sort may be reversed by a leading minus."""
    names = [name for sort in sorts for name in (sort, f"-{sort}")]
    sort = parameter("sort", "query", {"type": "string", "enum": names, "default": default})
    return [
        {"$ref": "#/components/parameters/Limit"},
        {"$ref": "#/components/parameters/Cursor"},
        sort,
    ]


def page_schema(item: Json) -> Json:
    """Describe the page `{items, next}` of a list."""
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {"items": {"type": "array", "items": item}, "next": {"type": ["string", "null"]}},
    }


def json_body(schema: Json, example: object) -> Json:
    """Describe a JSON request body."""
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def json_answer(description: str, schema: Json, example: object, headers: Json | None = None) -> Json:
    """Describe a JSON response."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content, **({"headers": headers} if headers else {})}


def problems(*statuses: int) -> Json:
    """Refer to the problem answers an operation may give; 500 and 503 are always possible."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in (*statuses, 500, 503)}


def operation(
    operation_id: str,
    summary: str,
    *,
    responses: Mapping[str, Json],
    security: Sequence[Json],
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    tags: Sequence[str] = (),
) -> Json:
    """Describe one operation."""
    described: Json = {
        "operationId": operation_id,
        "summary": summary,
        "tags": list(tags),
        "parameters": list(parameters),
        "security": list(security),
        "responses": dict(responses),
    }
    return {**described, "requestBody": body} if body else described


def document(*, title: str, description: str, paths: Json, schemas: Mapping[str, Json], version: str = "1.0.0") -> Json:
    """Assemble the whole document with the shared components."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM_SCHEMA, **schemas},
            "parameters": _PARAMETERS,
            "responses": {f"Problem{status}": _problem_response(status) for status in _PROBLEM_TEXTS},
            "securitySchemes": {
                "assertion": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The gateway's assertion; a citizen's own token is never accepted here",
                }
            },
        },
    }


def _problem_response(status: int) -> Json:
    return {
        "description": _PROBLEM_TEXTS[status],
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }
