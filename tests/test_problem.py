"""Problem details (RFC 9457) as a citizen's app receives them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import errors
from gateway.fields import first
from gateway.messages import CATALOGUE, Language
from gateway.problem import AgencyContact, Rendered, case_code, render

PERMITS = AgencyContact("DPMPTSP", "tel:+62215500000")


def _render(
    error: errors.GatewayError, *, language: Language = "id", agency: AgencyContact | None = PERMITS
) -> Rendered:
    return render(error, language=language, instance="/v1/permits/types", case="TNG-7F3K2M", agency=agency)


def test_a_problem_has_every_promised_member() -> None:
    rendered = _render(errors.TimedOut("target 2, 5.0 s"), language="en")
    assert rendered.status == 504
    assert json.loads(rendered.body) == {
        "type": "tag:tangerangkota.go.id,2026:problem/agency-timed-out",
        "title": "The service took too long",
        "status": 504,
        "detail": CATALOGUE["agency-timed-out"].en.detail.format(agency="DPMPTSP"),
        "instance": "/v1/permits/types",
        "code": "agency-timed-out",
        "case": "TNG-7F3K2M",
        "source": "agency",
        "agency": {"name": "DPMPTSP", "contact": "tel:+62215500000"},
    }


def test_a_problem_is_never_stored_and_names_its_language() -> None:
    fields = _render(errors.RouteNotFound()).fields
    assert fields == (
        (b"content-type", b"application/problem+json"),
        (b"content-language", b"id"),
        (b"cache-control", b"no-store"),
    )


def test_the_reason_is_for_logs_alone() -> None:
    rendered = _render(errors.BrokeProtocol("10.1.2.3:8102 sent two lengths"))
    assert b"10.1.2.3" not in rendered.body
    assert b"lengths" not in rendered.body


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 1), (0.2, 1), (1.0, 1), (6.01, 7)])
def test_retry_after_is_whole_seconds_rounded_up(seconds: float, told: int) -> None:
    rendered = _render(errors.QuotaExceeded(retry_after_seconds=seconds))
    assert first(rendered.fields, b"retry-after") == b"%d" % told
    document = json.loads(rendered.body)
    assert document["retry_after"] == told
    assert f"{told} detik" in document["detail"]


def test_429_and_503_always_say_when_to_come_back() -> None:
    rendered = _render(errors.Overloaded())
    assert first(rendered.fields, b"retry-after") == b"10"
    assert "10 detik" in json.loads(rendered.body)["detail"]
    assert first(_render(errors.RouteNotFound()).fields, b"retry-after") is None


def test_fields_of_the_error_follow_its_own() -> None:
    rendered = _render(errors.MethodNotAllowed(fields=((b"allow", b"GET"),)))
    assert rendered.fields[-1] == (b"allow", b"GET")


@pytest.mark.parametrize(("language", "stranger"), [("id", "layanan kota"), ("en", "the city")])
def test_without_an_agency_the_city_speaks(language: Language, stranger: str) -> None:
    document = json.loads(_render(errors.NotPermitted(), language=language, agency=None).body)
    assert "agency" not in document
    assert stranger in document["detail"]


def test_an_emergency_says_112_before_anything_else() -> None:
    rendered = render(
        errors.Unreachable(), language="id", instance="/v1/emergency/incidents", case="TNG-222222", emergency=True
    )
    document = json.loads(rendered.body)
    assert next(iter(document)) == "call"
    assert document["call"] == "tel:112"
    assert document["detail"].startswith("Telepon 112")


def test_extra_members_are_added() -> None:
    rendered = render(
        errors.NoTarget(), language="en", instance="/", case="TNG-222222", extra={"offline": {"posts": ["Pinang"]}}
    )
    assert json.loads(rendered.body)["offline"] == {"posts": ["Pinang"]}


def test_one_cause_of_malformed_requests_has_several_statuses() -> None:
    rendered = _render(errors.MalformedRequest("head too large", status=431))
    assert rendered.status == 431
    assert json.loads(rendered.body)["status"] == 431
    assert errors.MalformedRequest().status == 400


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("code", CATALOGUE)
def test_every_text_fills(code: str, language: Language) -> None:
    cause = type("Cause", (errors.GatewayError,), {"code": code})
    assert "{" not in json.loads(_render(cause(), language=language).body)["detail"]


@settings(deadline=None)
@given(st.text(max_size=80))
def test_case_codes_can_be_read_aloud_and_are_the_same_each_time(request_id: str) -> None:
    code = case_code(request_id)
    assert re.fullmatch(r"TNG-[2-9A-HJ-NP-Z]{6}", code)
    assert code == case_code(request_id)


def test_case_codes_differ_wherever_request_ids_do() -> None:
    begins = {case_code(f"{number:08x}-0000") for number in range(2000)}
    ends = {case_code(f"0000-{number:08x}") for number in range(2000)}
    assert min(len(begins), len(ends)) > 1990
