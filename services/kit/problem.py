"""Errors as citizens and programs read them: RFC 9457 problem details in Indonesian or English.

A `Problem` is raised anywhere and rendered here only. No exception's own text ever reaches an answer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler

Language = Literal["id", "en"]

# A tag URI (RFC 4151) names the kind of problem without promising a page behind it.
_TYPE_PREFIX = "tag:tangerangkota.go.id,2026:problem/"


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages."""

    id: str
    en: str

    def in_language(self, language: Language) -> str:
        return self.en if language == "en" else self.id


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field; `field` is a dotted path such as `location.lat`."""

    field: str
    text: Text
    code: str = "invalid"


class Problem(Exception):
    """An answer other than success. `code` is stable kebab-case that programs may rely on."""

    def __init__(
        self,
        status: int,
        code: str,
        title: Text,
        detail: Text | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
        extensions: Mapping[str, Any] | None = None,  # Any: whatever JSON value the service adds
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = tuple(errors)
        self.extensions = dict(extensions or {})


class Refused(ValueError):
    """Raised in a pydantic validator: the value breaks a rule, and this is how to say so."""

    def __init__(self, id: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(id, en)


def bad_request(code: str, id: str, en: str) -> Problem:
    """Build a 400 for a request whose form is wrong."""
    return Problem(400, code, Text("Permintaan tidak dapat dibaca", "Bad request"), Text(id, en))


def not_found(id: str = "Data tidak ditemukan.", en: str = "There is nothing here.") -> Problem:
    """Build a 404; also the answer for what exists but is not this caller's to know."""
    return Problem(404, "not-found", Text("Tidak ditemukan", "Not found"), Text(id, en))


def forbidden(id: str, en: str) -> Problem:
    """Build a 403 for a known caller who may not do this."""
    return Problem(403, "forbidden", Text("Tidak berwenang", "Forbidden"), Text(id, en))


def conflict(code: str, id: str, en: str) -> Problem:
    """Build a 409: well formed, but not possible in the present state."""
    return Problem(409, code, Text("Tidak dapat dilakukan saat ini", "Conflict"), Text(id, en))


def unprocessable(*errors: FieldError) -> Problem:
    """Build a 422 naming each field that is wrong."""
    return Problem(
        422,
        "invalid-fields",
        Text("Ada isian yang perlu diperbaiki", "Some fields need correcting"),
        Text(
            "Periksa isian yang disebutkan, lalu kirim lagi.",
            "Correct the fields listed, then send again.",
        ),
        errors=errors,
    )


def unavailable(code: str, *, retry_after_seconds: int = 5) -> Problem:
    """Build a 503 for a passing fault of ours."""
    return Problem(
        503,
        code,
        Text("Layanan sedang gangguan", "Service unavailable"),
        Text(
            "Layanan sedang gangguan, bukan jaringan Anda. Coba lagi sebentar lagi.",
            "The fault is ours, not your network's. Please try again shortly.",
        ),
        headers={"Retry-After": str(retry_after_seconds)},
    )


def preferred_language(accept_language: str | None) -> Language:
    """Choose between Indonesian (the default) and English by `Accept-Language` (RFC 9110 §12.5.4)."""
    quality = {"id": 0.0, "en": 0.0}
    for item in (accept_language or "").lower().split(","):
        tag, _, parameters = item.strip().partition(";")
        primary = tag.strip().split("-")[0]
        if primary in quality:
            quality[primary] = max(quality[primary], _q_value(parameters))
    return "en" if quality["en"] > quality["id"] else "id"


def _q_value(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def problem_response(problem: Problem, request: Request) -> Response:
    """Render a problem for this request, in its language."""
    language = preferred_language(request.headers.get("accept-language"))
    state = request.scope.get("state", {})
    body: dict[str, Any] = {  # Any: JSON
        **state.get("problem_members", {}),
        **problem.extensions,
        "type": _TYPE_PREFIX + problem.code,
        "title": problem.title.in_language(language),
        "status": problem.status,
        "instance": request.url.path,
        "code": problem.code,
        "source": "agency",
    }
    if problem.detail is not None:
        body["detail"] = problem.detail.in_language(language)
    if case := state.get("case"):
        body["case"] = case
    if problem.errors:
        body["errors"] = [
            {"field": error.field, "code": error.code, "detail": error.text.in_language(language)}
            for error in problem.errors
        ]
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": language,
        "Vary": "Accept-Language",
        **problem.headers,
    }
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(content, problem.status, headers, media_type="application/problem+json")


def internal_problem() -> Problem:
    """Build the answer for a defect of ours; the case code leads an operator to the log."""
    return Problem(
        500,
        "internal-error",
        Text("Terjadi kesalahan pada sistem kami", "Something went wrong on our side"),
        Text(
            "Permintaan Anda belum selesai diproses. Coba lagi; bila berulang, sebutkan kode kasus ini.",
            "Your request was not completed. Try again; if it recurs, quote this case code.",
        ),
    )


def exception_handlers() -> dict[type[Exception], ExceptionHandler]:
    """Return the handlers that turn what endpoints raise into problems."""
    return {Problem: _on_problem, HTTPException: _on_http, ValidationError: _on_validation}


def _on_problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)
    return problem_response(exc, request)


def _on_http(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    problem = _from_http(exc)
    if exc.status_code == 405:
        problem.headers["Allow"] = ", ".join(_allowed_methods(request))
    return problem_response(problem, request)


def _allowed_methods(request: Request) -> list[str]:
    # Starlette names the methods of the first route only, and one address is often several routes.
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matching for method in route.methods or ()})


def _on_validation(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ValidationError)
    return problem_response(from_validation(exc), request)


def _from_http(exc: HTTPException) -> Problem:
    if exc.status_code == 404:
        return not_found("Alamat ini tidak ada.", "There is no such address.")
    if exc.status_code == 405:
        title = Text("Metode tidak didukung", "Method not allowed")
        return Problem(405, "method-not-allowed", title)
    title = Text("Permintaan tidak dapat diproses", "The request cannot be processed")
    return Problem(exc.status_code, f"http-{exc.status_code}", title, headers=exc.headers)


def from_validation(exc: ValidationError, *, status: int = 422) -> Problem:
    """Translate pydantic's findings; what cannot be parsed at all is a 400."""
    findings = exc.errors(include_url=False, include_input=False)
    if any(finding["type"] == "json_invalid" for finding in findings):
        return bad_request("malformed-json", "Isi bukan JSON yang sah.", "The body is not valid JSON.")
    problem = unprocessable(*(_field_error(finding) for finding in findings))
    problem.status = status
    return problem


# pydantic's error type → what to tell people; names in braces come from the error's context.
_FIELD_TEXTS: Mapping[str, Text] = {
    "missing": Text("Wajib diisi.", "This field is required."),
    "extra_forbidden": Text("Isian ini tidak dikenal.", "This field is not known."),
    "string_type": Text("Harus berupa teks.", "Must be text."),
    "string_too_short": Text("Minimal {min_length} karakter.", "At least {min_length} characters."),
    "string_too_long": Text("Maksimal {max_length} karakter.", "At most {max_length} characters."),
    "string_pattern_mismatch": Text("Bentuknya tidak sesuai.", "It does not have the right form."),
    "int_type": Text("Harus berupa bilangan bulat.", "Must be a whole number."),
    "int_parsing": Text("Harus berupa bilangan bulat.", "Must be a whole number."),
    "float_type": Text("Harus berupa angka.", "Must be a number."),
    "float_parsing": Text("Harus berupa angka.", "Must be a number."),
    "finite_number": Text("Harus berupa angka terhingga.", "Must be a finite number."),
    "bool_type": Text("Harus true atau false.", "Must be true or false."),
    "greater_than": Text("Harus lebih dari {gt}.", "Must be more than {gt}."),
    "greater_than_equal": Text("Paling kecil {ge}.", "Must be at least {ge}."),
    "less_than": Text("Harus kurang dari {lt}.", "Must be less than {lt}."),
    "less_than_equal": Text("Paling besar {le}.", "Must be at most {le}."),
    "literal_error": Text("Pilihan yang ada: {expected}.", "Must be one of: {expected}."),
    "enum": Text("Pilihan yang ada: {expected}.", "Must be one of: {expected}."),
    "too_short": Text("Minimal {min_length} butir.", "At least {min_length} items."),
    "too_long": Text("Maksimal {max_length} butir.", "At most {max_length} items."),
}
_ANY_FIELD_TEXT = Text("Nilainya tidak sah.", "The value is not valid.")


def _field_error(finding: ErrorDetails) -> FieldError:
    field = ".".join(str(part) for part in finding["loc"])
    context = finding.get("ctx", {})
    if isinstance(refusal := context.get("error"), Refused):
        return FieldError(field, refusal.text)
    template = _FIELD_TEXTS.get(finding["type"], _ANY_FIELD_TEXT)
    text = Text(template.id.format(**context), template.en.format(**context))
    return FieldError(field, text, finding["type"].replace("_", "-"))
