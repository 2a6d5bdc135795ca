"""Following an issuer's revocations over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.identity.feed import RevocationFeed, read_entry
from gateway.identity.revocation import Revocation, Revocations
from gateway.identity.verifier import Verifier
from gateway.rules.access import Identity
from tests.identity.issuer import GATEWAY, ISSUER, NOW, POLICY, City, signed
from tests.identity.site import Site, open_site, reply


class Register:
    """An issuer's list as its endpoint serves it: news at once, else the question waits."""

    def __init__(self, site: Site) -> None:
        self.entries: list[object] = []
        self.broken: bytes | None = None
        self.waits = True
        self._news = asyncio.Condition()
        site.answer = self.answer

    async def revoke(self, *entries: object) -> None:
        async with self._news:
            self.entries.extend(entries)
            self._news.notify_all()

    async def answer(self, target: str) -> bytes:
        if self.broken is not None:
            return self.broken
        after = int(parse_qs(urlsplit(target).query)["after"][0])
        async with self._news:
            if self.waits and after <= len(self.entries):
                await self._news.wait_for(lambda: after < len(self.entries))
        return reply({"next": len(self.entries), "revocations": self.entries[after:]})


class Watcher:
    """Waits for changes of the list."""

    def __init__(self, revocations: Revocations) -> None:
        self._changed = asyncio.Event()
        self._revocations = revocations
        revocations.changed.subscribe(self._note)

    def _note(self) -> None:
        self._changed.set()

    async def until(self, count: int) -> None:
        while len(self._revocations) < count:
            self._changed.clear()
            await self._changed.wait()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOW)


@pytest.fixture
def revocations(clock: ManualClock) -> Revocations:
    return Revocations(clock)


@pytest.fixture
def pauses() -> list[float]:
    """One entry for each pause the feed made between two questions."""
    return []


@pytest.fixture
async def feed(
    site: Site, revocations: Revocations, clock: ManualClock, pauses: list[float]
) -> AsyncIterator[RevocationFeed]:
    def shortest() -> float:
        pauses.append(0.0)
        return 0.0

    policy = replace(POLICY, revocations_url=site.url + "/revocations?list=city")
    async with httpx.AsyncClient(trust_env=False) as client:
        made = RevocationFeed(policy, client, revocations, clock, jitter=shortest)
        yield made
        await made.aclose()


def ended(session: str) -> dict[str, object]:
    return {"sid": session, "expires_at": NOW + 900}


def is_ended(revocations: Revocations, session: str) -> bool:
    return revocations.is_revoked(Identity(ISSUER, "citizen-1", session, NOW + 900, NOW))


async def test_the_whole_list_comes_first_and_news_as_it_happens(
    site: Site, feed: RevocationFeed, revocations: Revocations
) -> None:
    register, watcher = Register(site), Watcher(revocations)
    await register.revoke(ended("a"), ended("b"))
    feed.start()
    await watcher.until(2)
    await site.asked(2)
    await register.revoke(ended("c"))
    await watcher.until(3)
    assert all(is_ended(revocations, session) for session in "abc")
    assert feed.condition.status == "pass"
    await site.asked(3)
    queries = [parse_qs(urlsplit(target).query) for target in site.targets]
    assert [query["after"] for query in queries] == [["0"], ["2"], ["3"]]
    assert all(query["list"] == ["city"] and int(query["wait"][0]) > 0 for query in queries)


async def test_news_is_passed_on_and_a_long_first_list_is_not(
    site: Site, revocations: Revocations, clock: ManualClock
) -> None:
    register, watcher = Register(site), Watcher(revocations)
    passed_on: list[str] = []
    await register.revoke(*(ended(f"old-{number}") for number in range(101)))
    policy = replace(POLICY, revocations_url=site.url + "/revocations")
    async with httpx.AsyncClient(trust_env=False) as client:
        feed = RevocationFeed(
            policy, client, revocations, clock,
            on_news=lambda news: passed_on.extend(one.name for one in news),
        )  # fmt: skip
        feed.start()
        await watcher.until(101)
        await site.asked(2)
        await register.revoke(ended("new"))
        await watcher.until(102)
        await site.asked(3)
        await feed.aclose()
    assert passed_on == ["new"]


async def test_a_logout_ends_a_remembered_token(site: Site, feed: RevocationFeed, revocations: Revocations) -> None:
    register, watcher, city = Register(site), Watcher(revocations), City()
    await city.source.fetch()
    verifier = Verifier([POLICY], {ISSUER: city.source}, revocations, city.clock, own_issuer=GATEWAY)
    token = signed()
    await verifier.verify(token)
    feed.start()
    await register.revoke({"sub": "citizen-1", "not_before": NOW + 1, "expires_at": NOW + 900})
    await watcher.until(1)
    assert verifier.known(token) is None


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        reply({}, status="503 Service Unavailable"),
        reply({"next": "1", "revocations": []}),
        reply({"next": True, "revocations": []}),
        reply({"next": -1, "revocations": []}),
        reply({"next": 1}),
        reply({"next": 1, "revocations": {}}),
        reply([]),
        reply(b"{"),
    ],
)
async def test_nothing_is_forgotten_while_the_issuer_is_broken_and_news_comes_after(
    broken: bytes, site: Site, feed: RevocationFeed, revocations: Revocations, clock: ManualClock
) -> None:
    register, watcher = Register(site), Watcher(revocations)
    await register.revoke(ended("a"))
    feed.start()
    await watcher.until(1)
    await site.asked(2)
    register.broken = broken
    site.drop()
    asked = len(site.targets)
    await site.asked(asked + 2)
    assert is_ended(revocations, "a")
    assert feed.condition.status == "warn"
    register.broken = None
    await register.revoke(ended("b"))
    await watcher.until(2)
    assert is_ended(revocations, "b")
    await site.asked_for("after=2")
    assert feed.condition.detail == "followed"


async def test_an_issuer_that_lost_its_list_is_asked_for_all_of_it(
    site: Site, feed: RevocationFeed, revocations: Revocations
) -> None:
    register, watcher = Register(site), Watcher(revocations)
    await register.revoke(ended("a"), ended("b"))
    feed.start()
    await watcher.until(2)
    await site.asked(2)
    register.entries = [ended("c")]
    site.drop()
    await watcher.until(3)
    assert all(is_ended(revocations, session) for session in "abc")


async def test_an_issuer_that_does_not_wait_is_asked_at_intervals(
    site: Site, feed: RevocationFeed, revocations: Revocations, pauses: list[float]
) -> None:
    register, watcher = Register(site), Watcher(revocations)
    register.waits = False
    feed.start()
    await site.asked(4)
    assert len(pauses) == len(site.targets) - 1
    await register.revoke(ended("a"))
    await watcher.until(1)


async def test_entries_that_cannot_be_read_are_skipped_and_counted(
    site: Site, feed: RevocationFeed, revocations: Revocations
) -> None:
    register, watcher = Register(site), Watcher(revocations)
    await register.revoke({"sid": 1}, ended("a"), "x", ended("b"))
    feed.start()
    await watcher.until(2)
    assert feed.skipped == 2


def test_an_entry_names_a_session_or_a_subject_with_its_age() -> None:
    assert read_entry(ISSUER, ended("a")) == Revocation(ISSUER, "session", "a", NOW + 900)
    entry = {"sub": "c", "not_before": NOW, "expires_at": NOW + 900, "reason": "blocked"}
    assert read_entry(ISSUER, entry) == Revocation(ISSUER, "subject", "c", NOW + 900, NOW)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        "a",
        {},
        {"expires_at": NOW},
        {"sid": "a"},
        {"sid": "a", "expires_at": str(NOW)},
        {"sid": "a", "expires_at": True},
        {"sid": "a", "expires_at": 10**400},
        {"sid": "", "expires_at": NOW},
        {"sid": 1, "expires_at": NOW},
        {"sid": "a", "sub": "c", "not_before": NOW, "expires_at": NOW},
        {"sub": "c", "expires_at": NOW},
        {"sub": "c", "not_before": "0", "expires_at": NOW},
        {"sub": ["c"], "not_before": 0, "expires_at": NOW},
    ],
)
def test_an_entry_that_is_not_exactly_one_of_them_is_none(entry: object) -> None:
    assert read_entry(ISSUER, entry) is None


def test_an_issuer_without_a_list_cannot_be_followed(revocations: Revocations, clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="revocations_url"):
        RevocationFeed(POLICY, httpx.AsyncClient(), revocations, clock)


async def test_starting_twice_is_starting_once(site: Site, feed: RevocationFeed) -> None:
    Register(site)
    feed.start()
    feed.start()
    await site.asked(1)
    assert len([task for task in asyncio.all_tasks() if task.get_name().startswith("revocations of")]) == 1


async def test_closing_what_never_started_is_nothing(feed: RevocationFeed) -> None:
    await feed.aclose()
