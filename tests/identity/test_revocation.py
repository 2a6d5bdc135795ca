"""Remembering whose sign-in was ended, for as long as it matters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.identity.revocation import Revocation, Revocations
from gateway.rules.access import Identity
from tests.identity.issuer import ISSUER, NOW


class Told:
    """Counts what a signal says."""

    def __init__(self) -> None:
        self.times = 0

    def count(self) -> None:
        self.times += 1


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOW)


def identity(
    subject: str = "citizen-1", session: str | None = "session-1", *, issuer: str = ISSUER, issued_at: float = NOW
) -> Identity:
    return Identity(issuer, subject, session, expires_at=NOW + 900, issued_at=issued_at)


def session(name: str = "session-1", *, expires_at: float = NOW + 900) -> Revocation:
    return Revocation(ISSUER, "session", name, expires_at)


def subject(name: str = "citizen-1", *, not_before: float, expires_at: float = NOW + 900) -> Revocation:
    return Revocation(ISSUER, "subject", name, expires_at, not_before)


def test_a_session_that_ended_is_refused_and_no_other(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    assert not revocations.is_revoked(identity())
    revocations.add([session()])
    assert revocations.is_revoked(identity())
    assert not revocations.is_revoked(identity(session="session-2"))
    assert not revocations.is_revoked(identity(session=None))
    assert not revocations.is_revoked(identity(issuer="https://other.example"))


def test_a_subject_is_refused_with_what_was_issued_before(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    revocations.add([subject(not_before=NOW + 10)])
    assert revocations.is_revoked(identity(issued_at=NOW + 9))
    assert revocations.is_revoked(identity(issued_at=0.0, session=None))
    assert not revocations.is_revoked(identity(issued_at=NOW + 10))
    assert not revocations.is_revoked(identity(subject="citizen-2"))
    assert not revocations.is_revoked(identity(issuer="https://other.example"))


def test_a_subject_is_not_taken_for_a_session_of_the_same_name(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    revocations.add([session("citizen-1"), subject("session-1", not_before=NOW + 10)])
    assert not revocations.is_revoked(identity())


def test_a_revocation_holds_through_the_leeway_of_its_tokens_and_is_forgotten_then(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    revocations.add([session(), subject(not_before=NOW + 1)])
    clock.advance(900 + 59)
    assert revocations.is_revoked(identity())
    clock.advance(1)
    assert not revocations.is_revoked(identity())
    revocations.add([])
    assert len(revocations) == 0
    assert revocations.dropped == 0


def test_what_is_over_already_is_not_taken_up(clock: ManualClock) -> None:
    revocations, told = Revocations(clock), Told()
    revocations.changed.subscribe(told.count)
    assert not revocations.add([session(expires_at=NOW - 60)])
    assert (len(revocations), told.times) == (0, 0)


def test_news_that_comes_late_weakens_nothing(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    revocations.add([subject(not_before=NOW + 10, expires_at=NOW + 500)])
    revocations.add([subject(not_before=NOW + 5, expires_at=NOW + 900)])
    clock.advance(800)
    revocations.add([])
    assert revocations.is_revoked(identity(issued_at=NOW + 9))
    assert len(revocations) == 1


def test_subscribers_are_told_of_news_and_not_of_repetitions(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    told = Told()
    revocations.changed.subscribe(told.count)
    revocations.changed.subscribe(told.count)
    revocations.add([session("a"), session("b")])
    assert told.times == 1
    revocations.add([session("a")])
    revocations.add([])
    assert told.times == 1
    revocations.add([subject(not_before=NOW)])
    assert told.times == 2


def test_a_subscriber_that_is_gone_is_forgotten(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    gone, staying = Told(), Told()
    revocations.changed.subscribe(gone.count)
    revocations.changed.subscribe(staying.count)
    del gone
    revocations.add([session()])
    assert staying.times == 1


def test_the_list_is_bounded_and_what_ends_soonest_makes_room(clock: ManualClock) -> None:
    revocations = Revocations(clock, capacity=2)
    revocations.add([session("b", expires_at=NOW + 20), session("a", expires_at=NOW + 10)])
    revocations.add([session("c", expires_at=NOW + 30)])
    assert [revocations.is_revoked(identity(session=name)) for name in "abc"] == [False, True, True]
    assert (len(revocations), revocations.dropped) == (2, 1)


def test_one_that_was_prolonged_keeps_no_other_beyond_its_end(clock: ManualClock) -> None:
    revocations = Revocations(clock)
    revocations.add([session("a", expires_at=NOW + 10)])
    revocations.add([session("b", expires_at=NOW + 20), session("a", expires_at=NOW + 900)])
    clock.advance(500)
    revocations.add([session("c", expires_at=NOW + 900)])
    assert len(revocations) == 2
    assert revocations.is_revoked(identity(session="a"))


EVENTS = st.lists(
    st.tuples(st.sampled_from(["session", "subject"]), st.sampled_from("ab"), st.integers(0, 200), st.integers(0, 30)),
    max_size=30,
)


@given(EVENTS)
def test_the_list_agrees_with_a_plain_reading_of_all_events(events: list[tuple[str, str, int, int]]) -> None:
    clock = ManualClock(wall=0)
    revocations = Revocations(clock)
    seen: list[Revocation] = []
    for kind, name, lasts, passes in events:
        clock.advance(passes)
        now = clock.wall()
        new = Revocation(ISSUER, "session" if kind == "session" else "subject", name, now + lasts - 60, now)
        seen.append(new)
        revocations.add([new])
        for who in "ab":
            ended = any(r.kind == "session" and r.name == who and now < r.expires_at + 60 for r in seen)
            assert revocations.is_revoked(identity("other", who)) == ended
            alive = [r for r in seen if r.kind == "subject" and r.name == who and now < r.expires_at + 60]
            # A renewed entry keeps the latest not-before, so only the newest living one is compared.
            if alive:
                assert revocations.is_revoked(identity(who, None, issued_at=alive[-1].not_before - 1))
            else:
                assert not revocations.is_revoked(identity(who, None, issued_at=0))
