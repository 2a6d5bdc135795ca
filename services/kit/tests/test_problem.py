import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request

from services.kit.problem import (
    FieldError,
    Problem,
    Refused,
    Text,
    conflict,
    forbidden,
    from_validation,
    preferred_language,
    problem_response,
    unprocessable,
)
from services.kit.testing import problem_code

from .conftest import Notebook


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "id"),
        ("", "id"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("id,en;q=0.9", "id"),
        ("en;q=0.5, id;q=0.5", "id"),
        ("en;q=0", "id"),
        ("fr, en;q=0.1", "en"),
        ("en;q=abc", "id"),
        ("en;level=1", "en"),
        ("*", "id"),
    ],
)
def test_language_is_indonesian_unless_english_is_preferred(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


async def test_a_problem_speaks_the_callers_language(notebook: Notebook) -> None:
    indonesian = await notebook.client.get("/me")
    english = await notebook.client.get("/me", headers={"Accept-Language": "en"})
    assert indonesian.json()["title"] == "Perlu masuk"
    assert english.json()["title"] == "Authentication required"
    assert english.headers["Content-Language"] == "en"
    assert english.json()["type"].endswith("/not-authenticated")


async def test_wrong_fields_are_named_one_by_one(notebook: Notebook) -> None:
    answer = await notebook.client.post("/notes", json={"word": "", "other": 1}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422
    assert problem_code(answer) == "invalid-fields"
    assert answer.json()["errors"] == [
        {"field": "word", "code": "string-too-short", "detail": "At least 1 characters."},
        {"field": "other", "code": "extra-forbidden", "detail": "This field is not known."},
    ]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{", 400, "malformed-json"),
        ("application/json", b"\xff", 400, "malformed-json"),
        ("text/plain", b"{}", 415, "unsupported-media-type"),
        ("application/json", b"x" * 300_000, 413, "body-too-large"),
        ("application/json", b"[]", 422, "invalid-fields"),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_apart(
    notebook: Notebook, content_type: str, body: bytes, status: int, code: str
) -> None:
    answer = await notebook.client.post("/notes", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, problem_code(answer)) == (status, code)


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    nik: str
    age: int = Field(ge=17)

    @field_validator("nik")
    @classmethod
    def _known(cls, value: str) -> str:
        raise Refused("NIK harus 16 angka.", "A NIK has 16 digits.")


def test_a_services_own_rule_speaks_both_languages() -> None:
    with pytest.raises(ValueError, match="Person") as caught:
        Person.model_validate({"nik": "1", "age": 3})
    problem = from_validation(caught.value)  # type: ignore[arg-type]  # pydantic's ValidationError is a ValueError
    assert [(e.field, e.text.id) for e in problem.errors] == [
        ("nik", "NIK harus 16 angka."),
        ("age", "Paling kecil 17."),
    ]


def test_extensions_and_headers_are_rendered_but_never_replace_the_standard_members() -> None:
    request = Request({"type": "http", "path": "/x", "headers": [], "query_string": b"", "server": ("h", 1)})
    problem = Problem(409, "paused", Text("Jeda", "Paused"), headers={"X-A": "1"}, extensions={"status": 1, "n": 2})
    answer = problem_response(problem, request)
    assert answer.headers["X-A"] == "1"
    assert b'"status": 409' in bytes(answer.body)
    assert b'"n": 2' in bytes(answer.body)


def test_ready_made_problems_carry_their_status() -> None:
    error = FieldError("a", Text("x", "y"))
    assert (forbidden("a", "b").status, conflict("c", "a", "b").status, unprocessable(error).status) == (403, 409, 422)
