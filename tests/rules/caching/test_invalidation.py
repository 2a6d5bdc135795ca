"""What a change makes obsolete, in the agency's own URL space (RFC 9111 section 4.4, RFC 3986 section 5)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.exchange import CacheRequest, OriginHead
from gateway.rules.caching.invalidation import invalidated_by
from gateway.rules.caching.locations import Target, resolve
from gateway.rules.caching.policy import ALL_QUERY, CachePolicy
from tests.rules.caching.world import Reply, World, fields_of

POLICY = CachePolicy(
    query=(ALL_QUERY,), origins=frozenset({b"http://permits.internal:8102", b"https://permits.example"})
)
HERE = CacheRequest(b"POST", b"/a/b", b"q=1", ())


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        (b"/x", Target(b"/x", b"")),
        (b"/x?y=1#z", Target(b"/x", b"y=1")),
        (b"c", Target(b"/a/c", b"")),
        (b"./c", Target(b"/a/c", b"")),
        (b"../c", Target(b"/c", b"")),
        (b"../../../c", Target(b"/c", b"")),
        (b"/x/./y/../z", Target(b"/x/z", b"")),
        (b"/x/..", Target(b"/", b"")),
        (b"/x/.", Target(b"/x/", b"")),
        (b"", Target(b"/a/b", b"q=1")),
        (b"?", Target(b"/a/b", b"")),
        (b"?y=2", Target(b"/a/b", b"y=2")),
        (b"#frag", Target(b"/a/b", b"q=1")),
        (b"/%78", Target(b"/x", b"")),
        (b"http://permits.internal:8102/x", Target(b"/x", b"")),
        (b"HTTP://PERMITS.internal:8102/x?y", Target(b"/x", b"y")),
        (b"http://permits.internal:8102", Target(b"/", b"")),
        (b"http://permits.internal:8102?y", Target(b"/", b"y")),
        (b"//permits.internal:8102/x", Target(b"/x", b"")),
        (b"https://permits.example/x", Target(b"/x", b"")),
        (b"https://permits.example:443/x", Target(b"/x", b"")),
        (b"https://permits.example:80/x", None),
        (b"http://permits.example/x", None),
        (b"http://permits.internal/x", None),
        (b"http://evil.example/x", None),
        (b"//evil.example/x", None),
        (b"http://permits.internal:8102@evil.example/x", None),
        (b"http://permits.internal:8102.evil.example/x", None),
        (b"mailto:a@b", None),
        (b"http:/x", None),
        (b"ftp://permits.example/x", None),
    ],
)
def test_reference_names_a_resource_of_the_agency_or_nothing(reference: bytes, target: Target | None) -> None:
    assert resolve(HERE, reference, POLICY) == target


BASED = CachePolicy(
    query=(ALL_QUERY,), origins=frozenset({b"http://one.internal:8102/permits", b"http://one.internal:8102/permits/v2"})
)


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        (b"/permits/x?y=1", Target(b"/x", b"y=1")),
        (b"/permits", Target(b"/", b"")),
        (b"/permits/v2/x", Target(b"/x", b"")),
        (b"http://one.internal:8102/permits/x", Target(b"/x", b"")),
        (b"//one.internal:8102/permits/../permits/x", Target(b"/x", b"")),
        (b"c", Target(b"/a/c", b"")),
        (b"/permitsfoo/x", None),
        (b"/permits/../complaints/x", None),
        (b"/x", None),
        (b"http://one.internal:8102/x", None),
    ],
)
def test_what_a_server_shared_by_several_agencies_names_is_told_from_the_base_path(
    reference: bytes, target: Target | None
) -> None:
    assert resolve(HERE, reference, BASED) == target


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_reference_can_be_read(reference: bytes) -> None:
    target = resolve(HERE, reference, POLICY)
    assert target is None or target.path.startswith(b"/")


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"PATCH", b"DELETE", b"M-SEARCH", b"get"])
@pytest.mark.parametrize(("status", "changed"), [(200, True), (204, True), (303, True), (404, False), (500, False)])
def test_successful_unsafe_request_empties_its_target(method: bytes, status: int, changed: bool) -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=100000"))
    world.ask(Reply("", status), method=method)
    assert world.ask(Reply()).source == ("origin" if changed else "cache")


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"TRACE"])
def test_safe_request_changes_nothing(method: bytes) -> None:
    request = CacheRequest(method, b"/a", b"", ())
    assert invalidated_by(request, OriginHead(200, b"", fields_of("Location: /x")), POLICY) == ()


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"M-SEARCH"])
def test_what_the_answer_names_is_emptied_too(method: bytes, name: str) -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=100000"), target=b"/types/location_target")
    world.ask(Reply(f"{name}: /types/location_target"), method=method)
    assert world.ask(Reply(), target=b"/types/location_target").source == "origin"


def test_targets_are_told_once_each_and_only_of_this_agency() -> None:
    head = OriginHead(201, b"", fields_of("Location: /a/b?q=1\nLocation: http://evil.example/x\nContent-Location: /y"))
    assert invalidated_by(HERE, head, POLICY) == (Target(b"/a/b", b"q=1"), Target(b"/y", b""))


def test_target_is_spelt_as_in_a_key() -> None:
    request = CacheRequest(b"PUT", b"/%61", b"", ())
    assert invalidated_by(request, OriginHead(200, b"", ()), POLICY) == (Target(b"/a", b""),)
