"""Authenticate, authorise and limit, each by itself: every way a request may go in, and every way it may not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.clock import ManualClock
from gateway.errors import NotAuthenticated, NotPermitted, QuotaExceeded, TokenInvalid
from gateway.fields import first
from gateway.identity.challenge import CHALLENGE
from gateway.pipeline.authenticate import authenticate
from gateway.pipeline.authorise import authorise
from gateway.pipeline.limit import limit
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route
from gateway.rules.access import AuthPolicy, Identity
from gateway.rules.heads import RequestHead, read_request_head
from gateway.rules.quota import QuotaKey, QuotaPolicy
from gateway.store.fallback import Limiter
from gateway.store.memory import MemoryStore
from gateway.telemetry.traces import follow
from tests.identity.issuer import City, signed

ROUTE = Route("/v1/a", "/v1/a", frozenset({b"GET"}), None, b"", AuthPolicy())
SITI = Identity("https://identity.example", "siti", None, 900.0, 0.0, frozenset({"read"}), 2)


def asking(mode: str = "required", *, emergency: bool = False) -> Route:
    return replace(ROUTE, auth=AuthPolicy(mode=mode), emergency=emergency)  # type: ignore[arg-type]  # one of the modes


def head(*tokens: bytes) -> RequestHead:
    return read_request_head(tuple((b"authorization", b"Bearer " + token) for token in tokens))


def notes() -> Observation:
    return Observation("r1", b"GET", 0.0, follow(None))


def who(route: Route, sent: RequestHead, seen: Observation | None = None, city: City | None = None) -> str | None:
    """Return the subject that the stage takes the caller for."""
    verifier = (city or City().with_keys()).verifier
    identity = asyncio.run(authenticate(verifier, route, sent, seen or notes()))
    return None if identity is None else identity.subject


def test_a_route_without_sign_in_looks_at_no_token() -> None:
    assert who(asking("none"), head(signed())) is None
    assert who(asking("none"), head(b"garbage")) is None


def test_a_good_token_is_a_citizen_and_is_remembered_beside_the_head() -> None:
    for mode in ("required", "optional"):
        token = signed()
        sent = head(token)
        assert who(asking(mode), sent) == "citizen-1"
        assert sent.token == token


def test_no_token_is_nobody_where_that_is_allowed_and_a_challenge_elsewhere() -> None:
    assert who(asking("optional"), head()) is None
    with pytest.raises(NotAuthenticated) as caught:
        who(asking("required"), head())
    assert caught.value.fields == CHALLENGE


@pytest.mark.parametrize("mode", ["required", "optional"])
def test_a_bad_token_is_refused_even_where_none_would_do(mode: str) -> None:
    seen, sent = notes(), head(b"garbage")
    with pytest.raises(TokenInvalid):
        who(asking(mode), sent, seen)
    assert (seen.flagged, sent.token) == (False, None)


def test_a_key_that_is_not_at_hand_is_asked_for() -> None:
    city = City()
    assert who(asking(), head(signed()), city=city) == "citizen-1"
    assert city.issuer.asked == 1


def test_an_emergency_asks_for_no_good_token_and_waits_for_no_key() -> None:
    route, without_keys = asking("optional", emergency=True), City()
    for bad, city in ((b"garbage", None), (signed(), without_keys)):
        seen = notes()
        assert who(route, head(bad), seen, city) is None
        assert seen.flagged
    assert without_keys.issuer.asked == 0
    seen = notes()
    assert who(route, head(signed()), seen) == "citizen-1"
    assert not seen.flagged


@pytest.mark.parametrize(
    ("asked", "challenge"),
    [
        (AuthPolicy(), None),
        (AuthPolicy(scopes=frozenset({"read"}), assurance=2), None),
        (AuthPolicy(scopes=frozenset({"sign", "read"})), b'Bearer error="insufficient_scope", scope="read sign"'),
        (AuthPolicy(assurance=3), b'Bearer error="insufficient_user_authentication", acr_values="3"'),
    ],
)
def test_what_is_missing_is_told_and_an_emergency_misses_nothing(asked: AuthPolicy, challenge: bytes | None) -> None:
    route = replace(ROUTE, auth=asked)
    authorise(replace(route, emergency=True), SITI)
    if challenge is None:
        authorise(route, SITI)
        return
    with pytest.raises(NotPermitted) as caught:
        authorise(route, SITI)
    assert first(caught.value.fields, b"www-authenticate") == challenge


def limited(*policies: QuotaPolicy, emergency: bool = False) -> Route:
    return replace(ROUTE, limits=policies, emergency=emergency)


async def test_a_spent_budget_refuses_and_an_emergency_or_a_route_without_limits_has_none() -> None:
    limiter, once = Limiter(MemoryStore(ManualClock()), ManualClock()), QuotaPolicy("p", 1, 60, 1, QuotaKey("route"))
    assert first(await limit(limiter, limited(once), None, head(), "9.9.9.9", notes()), b"ratelimit")
    with pytest.raises(QuotaExceeded) as caught:
        await limit(limiter, limited(once), None, head(), "9.9.9.9", notes())
    assert caught.value.retry_after_seconds == 60
    assert first(caught.value.fields, b"ratelimit") == b'"p";r=0;t=60'
    assert await limit(limiter, limited(once, emergency=True), None, head(), "9.9.9.9", notes()) == ()
    assert await limit(limiter, limited(), None, head(), "9.9.9.9", notes()) == ()


async def test_a_shadow_limit_is_noted_when_it_would_have_refused_and_not_before() -> None:
    limiter = Limiter(MemoryStore(ManualClock()), ManualClock())
    shadow = QuotaPolicy("p", 1, 60, 1, QuotaKey("route"), mode="shadow")
    noted = []
    for _ in range(2):
        seen = notes()
        assert await limit(limiter, limited(shadow), None, head(), "9.9.9.9", seen) == ()
        noted.append(seen.shadowed)
    assert noted == [False, True]
