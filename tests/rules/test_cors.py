"""Cross-origin access: nothing is allowed unless the registry lists it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import first, values
from gateway.rules.cors import CorsPolicy, answer, preflight

APP = b"https://live.tangerangkota.go.id"
LISTED = CorsPolicy(origins=frozenset((APP, b"https://admin.tangerangkota.go.id")))
ANY = CorsPolicy(origins=frozenset((b"*",)))


def test_a_preflight_learns_all_that_is_allowed() -> None:
    assert preflight(LISTED, APP, b"POST", b"content-type, Authorization") == (
        (b"access-control-allow-origin", APP),
        (b"vary", b"Origin"),
        (b"access-control-allow-methods", b"GET, HEAD, POST"),
        (b"access-control-allow-headers", b"authorization, content-type, idempotency-key"),
        (b"access-control-max-age", b"600"),
    )


def test_every_origin_is_a_star_and_nothing_varies() -> None:
    fields = preflight(ANY, b"https://elsewhere.example", b"GET", None)
    assert fields is not None
    assert first(fields, b"access-control-allow-origin") == b"*"
    assert first(fields, b"vary") is None


def test_without_request_headers_none_are_allowed() -> None:
    policy = replace(LISTED, request_headers=())
    fields = preflight(policy, APP, b"GET", None)
    assert fields is not None
    assert first(fields, b"access-control-allow-headers") is None
    assert preflight(policy, APP, b"GET", b"authorization") is None


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        (b"https://elsewhere.example", b"GET", None),
        (b"null", b"GET", None),
        (b"", b"GET", None),
        (APP + b".evil.example", b"GET", None),
        (APP + b":443", b"GET", None),
        (b"http://live.tangerangkota.go.id", b"GET", None),
        (APP.upper(), b"GET", None),
        (APP, b"DELETE", None),
        (APP, b"get", None),
        (APP, b"", None),
        (APP, b"POST", b"x-odd"),
        (APP, b"POST", b"content-type,x-odd"),
        (APP, b"POST", b"*"),
    ],
)
def test_what_is_not_listed_is_not_allowed(origin: bytes, method: bytes, headers: bytes | None) -> None:
    assert preflight(LISTED, origin, method, headers) is None


@pytest.mark.parametrize("headers", [None, b"", b" ,, ", b"CONTENT-TYPE,\tauthorization , "])
def test_names_of_headers_are_a_list_without_case(headers: bytes | None) -> None:
    assert preflight(LISTED, APP, b"GET", headers) is not None


def test_an_answer_may_be_read_by_a_listed_origin() -> None:
    assert answer(LISTED, APP) == (
        (b"access-control-allow-origin", APP),
        (b"vary", b"Origin"),
        (b"access-control-expose-headers", b"x-request-id, ratelimit, ratelimit-policy, retry-after, etag"),
    )


@pytest.mark.parametrize("origin", [None, b"https://elsewhere.example", b"null", b"*"])
def test_an_answer_to_others_only_tells_caches_that_it_varies(origin: bytes | None) -> None:
    assert answer(LISTED, origin) == ((b"vary", b"Origin"),)


def test_an_answer_for_every_origin_is_the_same_for_all() -> None:
    assert answer(ANY, None) == answer(ANY, APP)
    assert first(answer(ANY, None), b"access-control-allow-origin") == b"*"


def test_nothing_is_exposed_unless_listed() -> None:
    assert answer(replace(ANY, exposed_headers=()), APP) == ((b"access-control-allow-origin", b"*"),)


@settings(deadline=None)
@given(st.sampled_from([LISTED, ANY]), st.none() | st.binary(max_size=30) | st.sampled_from([APP, b"null"]))
def test_no_origin_is_ever_echoed_unless_listed_and_credentials_never_allowed(
    policy: CorsPolicy, origin: bytes | None
) -> None:
    fields = answer(policy, origin) + (preflight(policy, origin or b"", b"GET", None) or ())
    assert set(values(fields, b"access-control-allow-origin")) <= policy.origins
    assert not values(fields, b"access-control-allow-credentials")
