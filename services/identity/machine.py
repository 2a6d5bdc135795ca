"""An account's life: its state is a pure function of its events, and this table says which may follow which.

Nothing here reads a clock or a database. An event that the table does not allow is refused before it is written, so
whatever the database holds can be folded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from services.identity.identifiers import Kind


class Status(StrEnum):
    """Where an account stands. NEW is before its first event and is never stored."""

    NEW = "BARU"
    OPEN = "AKTIF"
    BLOCKED = "DIBLOKIR"
    CLOSED = "DITUTUP"


class Happening(StrEnum):
    """What can happen to an account."""

    REGISTERED = "registered"
    CLAIMED = "identifier-claimed"
    PROVED = "identifier-proved"
    CONTESTED = "identifier-contested"
    RELEASED = "identifier-released"
    LOST = "identifier-lost"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name, not a password
    ROLE_GRANTED = "role-granted"
    ROLE_WITHDRAWN = "role-withdrawn"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    CLOSED = "closed"


class Proof(StrEnum):
    """How an identifier was proved, from weak to strong."""

    CODE = "code"  # a one-time code came back
    MATCH = "match"  # the population register says SESUAI
    IN_PERSON = "in-person"  # an officer saw the person and the card


# status → what may happen there → status after it.
TRANSITIONS: Mapping[Status, Mapping[Happening, Status]] = MappingProxyType(
    {
        Status.NEW: {Happening.REGISTERED: Status.OPEN},
        Status.OPEN: {
            Happening.CLAIMED: Status.OPEN,
            Happening.PROVED: Status.OPEN,
            Happening.CONTESTED: Status.OPEN,
            Happening.RELEASED: Status.OPEN,
            Happening.LOST: Status.OPEN,
            Happening.PASSWORD_CHANGED: Status.OPEN,
            Happening.ROLE_GRANTED: Status.OPEN,
            Happening.ROLE_WITHDRAWN: Status.OPEN,
            Happening.BLOCKED: Status.BLOCKED,
            Happening.CLOSED: Status.CLOSED,
        },
        Status.BLOCKED: {
            # Others' proofs and the office's decisions go on; the holder can do nothing.
            Happening.LOST: Status.BLOCKED,
            Happening.ROLE_WITHDRAWN: Status.BLOCKED,
            Happening.UNBLOCKED: Status.OPEN,
            Happening.CLOSED: Status.CLOSED,
        },
        Status.CLOSED: {},
    }
)


class Impossible(Exception):
    """This cannot happen to an account in this state."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `detail` names identifiers by id and holds no personal data."""

    kind: Happening
    detail: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON


@dataclass(frozen=True, slots=True)
class Claim:
    """An identifier as the account holds it."""

    kind: Kind
    proof: Proof | None = None
    is_contested: bool = False  # the register confirms it, but another account proved it first


@dataclass(frozen=True, slots=True)
class AccountState:
    """What an account is now."""

    status: Status = Status.NEW
    claims: Mapping[str, Claim] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()

    @property
    def tier(self) -> int:
        """The assurance level: 1 nothing proved, 2 a contact, 3 the NIK matched too, 4 verified in person."""
        proofs = [(claim.kind, claim.proof) for claim in self.claims.values()]
        if (Kind.NIK, Proof.IN_PERSON) in proofs:
            return 4
        if not any(kind.is_contact and proof for kind, proof in proofs):
            return 1
        return 3 if (Kind.NIK, Proof.MATCH) in proofs else 2


def apply(state: AccountState, event: Event) -> AccountState:
    """Return the state after the event, or raise Impossible."""
    status = TRANSITIONS[state.status].get(event.kind)
    if status is None:
        raise Impossible(f"{event.kind} while {state.status}")
    after = replace(state, status=status)
    match event.kind:
        case Happening.CLAIMED | Happening.PROVED | Happening.CONTESTED | Happening.RELEASED | Happening.LOST:
            return replace(after, claims=_claims(state.claims, event))
        case Happening.ROLE_GRANTED | Happening.ROLE_WITHDRAWN:
            return replace(after, roles=_roles(state.roles, event))
        case Happening.CLOSED:
            return replace(after, claims={}, roles=frozenset())
    return after


def fold(events: Iterable[Event]) -> AccountState:
    """Return the state after all events in order."""
    state = AccountState()
    for event in events:
        state = apply(state, event)
    return state


def _claims(claims: Mapping[str, Claim], event: Event) -> Mapping[str, Claim]:
    name = str(event.detail["identifier"])
    if event.kind is Happening.CLAIMED:
        if name in claims:
            raise Impossible("claimed already")
        return {**claims, name: Claim(Kind(event.detail["kind"]))}
    if name not in claims:
        raise Impossible(f"{event.kind} without a claim")
    claim = claims[name]
    if event.kind is Happening.PROVED:
        return {**claims, name: Claim(claim.kind, Proof(event.detail["how"]))}
    if event.kind is Happening.CONTESTED:
        return {**claims, name: replace(claim, is_contested=True)}
    return {other: kept for other, kept in claims.items() if other != name}


def _roles(roles: frozenset[str], event: Event) -> frozenset[str]:
    role = str(event.detail["role"])
    grants = event.kind is Happening.ROLE_GRANTED
    if grants == (role in roles):
        raise Impossible("the role is already so")
    return roles | {role} if grants else roles - {role}
