"""No sequence of events reaches an undefined state, loses a claim, or makes history run backwards."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.identity.identifiers import Kind
from services.identity.machine import (
    TRANSITIONS,
    AccountState,
    Claim,
    Event,
    Happening,
    Impossible,
    Proof,
    Status,
    apply,
    fold,
)


def some_event(kind: Happening, name: str, claim: Kind, proof: Proof, role: str) -> Event:
    details: dict[Happening, dict[str, Any]] = {
        Happening.CLAIMED: {"identifier": name, "kind": claim.value},
        Happening.PROVED: {"identifier": name, "how": proof.value},
        Happening.ROLE_GRANTED: {"role": role},
        Happening.ROLE_WITHDRAWN: {"role": role},
    }
    return Event(kind, details.get(kind, {"identifier": name}))


EVENTS = st.builds(
    some_event,
    st.sampled_from(Happening),
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(Kind),
    st.sampled_from(Proof),
    st.sampled_from(["admin", "officer:X"]),
)


@given(st.lists(EVENTS, max_size=40))
def test_any_sequence_ends_in_a_defined_state_or_is_refused_whole(events: list[Event]) -> None:
    state, accepted = AccountState(), []
    for event in events:
        try:
            state = apply(state, event)
        except Impossible:
            continue
        accepted.append(event)
        assert state.status in TRANSITIONS
        assert 1 <= state.tier <= 4
    assert fold(accepted) == state


@given(st.lists(EVENTS, max_size=40))
def test_a_closed_account_holds_nothing_and_never_changes(events: list[Event]) -> None:
    state = fold([Event(Happening.REGISTERED)])
    state = apply(state, Event(Happening.CLOSED))
    for event in events:
        with pytest.raises(Impossible):
            apply(state, event)
    assert (state.claims, state.roles, state.tier) == ({}, frozenset(), 1)


@pytest.mark.parametrize(
    ("claims", "tier"),
    [
        ([], 1),
        ([Claim(Kind.EMAIL)], 1),
        ([Claim(Kind.NIK, Proof.MATCH)], 1),
        ([Claim(Kind.EMAIL, Proof.CODE)], 2),
        ([Claim(Kind.PHONE, Proof.CODE), Claim(Kind.NIK)], 2),
        ([Claim(Kind.PHONE, Proof.CODE), Claim(Kind.NIK, Proof.MATCH)], 3),
        ([Claim(Kind.NIK, Proof.IN_PERSON)], 4),
    ],
)
def test_the_level_follows_from_what_is_proved(claims: list[Claim], tier: int) -> None:
    assert AccountState(Status.OPEN, {str(n): claim for n, claim in enumerate(claims)}).tier == tier


@settings(max_examples=60, stateful_step_count=25, deadline=None)
class AccountLife(RuleBasedStateMachine):
    """Walks an account through what the table allows and keeps the simplest possible books beside it."""

    @initialize()
    def register(self) -> None:
        self.events = [Event(Happening.REGISTERED)]
        self.held: dict[str, Proof | None] = {}
        self.number = 0

    def happen(self, event: Event) -> None:
        self.events.append(event)

    @property
    def state(self) -> AccountState:
        return fold(self.events)

    @precondition(lambda self: self.state.status is Status.OPEN)
    @rule(kind=st.sampled_from(Kind))
    def claim(self, kind: Kind) -> None:
        self.number += 1
        name = str(self.number)
        self.happen(Event(Happening.CLAIMED, {"identifier": name, "kind": kind.value}))
        self.held[name] = None

    @precondition(lambda self: self.state.status is Status.OPEN and self.held)
    @rule(choice=st.data(), proof=st.sampled_from(Proof))
    def prove(self, choice: st.DataObject, proof: Proof) -> None:
        name = choice.draw(st.sampled_from(sorted(self.held)))
        self.happen(Event(Happening.PROVED, {"identifier": name, "how": proof.value}))
        self.held[name] = proof

    @precondition(lambda self: self.state.status in (Status.OPEN, Status.BLOCKED) and self.held)
    @rule(choice=st.data())
    def lose(self, choice: st.DataObject) -> None:
        name = choice.draw(st.sampled_from(sorted(self.held)))
        self.happen(Event(Happening.LOST, {"identifier": name}))
        del self.held[name]

    @precondition(lambda self: self.state.status is Status.OPEN)
    @rule()
    def block(self) -> None:
        self.happen(Event(Happening.BLOCKED))

    @precondition(lambda self: self.state.status is Status.BLOCKED)
    @rule()
    def unblock(self) -> None:
        self.happen(Event(Happening.UNBLOCKED))

    @precondition(lambda self: self.state.status is Status.BLOCKED)
    @rule()
    def a_blocked_account_can_claim_nothing(self) -> None:
        with pytest.raises(Impossible):
            apply(self.state, Event(Happening.CLAIMED, {"identifier": "x", "kind": "nik"}))

    @invariant()
    def books_agree(self) -> None:
        if hasattr(self, "held"):
            assert {name: claim.proof for name, claim in self.state.claims.items()} == self.held


TestAccountLife = AccountLife.TestCase
