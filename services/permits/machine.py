"""The life of an application, as one table: which event may happen in which state, by whom, and where it leads.

Nothing but this table moves a case, so the state is a function of the events alone (`state_after`). The drawing in
the documentation is made from the same rows (`services/drawings.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where an application stands; the names are those the city uses."""

    DRAF = "DRAF"
    DIAJUKAN = "DIAJUKAN"
    CEK_BERKAS = "CEK_BERKAS"
    PERBAIKAN = "PERBAIKAN"
    PENILAIAN_TEKNIS = "PENILAIAN_TEKNIS"
    PENETAPAN_RETRIBUSI = "PENETAPAN_RETRIBUSI"
    MENUNGGU_BAYAR = "MENUNGGU_BAYAR"
    CEK_BAYAR = "CEK_BAYAR"
    PENANDATANGANAN = "PENANDATANGANAN"
    TERBIT = "TERBIT"
    DITOLAK = "DITOLAK"
    DIBATALKAN = "DIBATALKAN"
    KEDALUWARSA = "KEDALUWARSA"


class EventKind(StrEnum):
    """What can happen to an application."""

    CREATED = "created"
    DETAILS_CHANGED = "details_changed"
    DOCUMENT_ADDED = "document_added"
    SUBMITTED = "submitted"
    TAKEN = "taken"
    RELEASED = "released"
    CORRECTION_ASKED = "correction_asked"
    CORRECTED = "corrected"
    FILE_ACCEPTED = "file_accepted"
    ASSESSED = "assessed"
    ASSESSED_FREE = "assessed_free"
    LEVY_SET = "levy_set"
    PAID = "paid"
    PAYMENT_CONFIRMED = "payment_confirmed"
    PAYMENT_REJECTED = "payment_rejected"
    PAYMENT_SURPLUS = "payment_surplus"
    ISSUED = "issued"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Actor(StrEnum):
    """Who makes an event happen."""

    APPLICANT = "applicant"
    OFFICER = "officer"
    BANK = "bank"
    SYSTEM = "system"


class NotPossible(Exception):
    """This event cannot happen in this state."""

    def __init__(self, state: State | None, kind: EventKind) -> None:
        super().__init__(f"{kind} is not possible in {state or 'the beginning'}")
        self.state = state
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Rule:
    """One event: who may cause it, and from each state where it is possible, the state it leads to."""

    kind: EventKind
    actor: Actor
    moves: Mapping[State, State]


ENDS = frozenset({State.TERBIT, State.DITOLAK, State.DIBATALKAN, State.KEDALUWARSA})
# The applicant is to act; the office's promise stands still.
AWAITING_APPLICANT = frozenset({State.DRAF, State.PERBAIKAN, State.MENUNGGU_BAYAR})
AWAITING_OFFICE = frozenset(State) - ENDS - AWAITING_APPLICANT
ON_A_DESK = AWAITING_OFFICE - {State.DIAJUKAN}


def _stay(states: Iterable[State]) -> dict[State, State]:
    return {state: state for state in states}


RULES: tuple[Rule, ...] = (
    Rule(EventKind.DETAILS_CHANGED, Actor.APPLICANT, _stay([State.DRAF, State.PERBAIKAN])),
    Rule(EventKind.DOCUMENT_ADDED, Actor.APPLICANT, _stay([State.DRAF, State.PERBAIKAN])),
    Rule(EventKind.SUBMITTED, Actor.APPLICANT, {State.DRAF: State.DIAJUKAN}),
    Rule(EventKind.TAKEN, Actor.OFFICER, {State.DIAJUKAN: State.CEK_BERKAS, **_stay(sorted(ON_A_DESK))}),
    Rule(EventKind.RELEASED, Actor.OFFICER, _stay(sorted(ON_A_DESK))),
    Rule(
        EventKind.CORRECTION_ASKED,
        Actor.OFFICER,
        {State.CEK_BERKAS: State.PERBAIKAN, State.PENILAIAN_TEKNIS: State.PERBAIKAN},
    ),
    Rule(EventKind.CORRECTED, Actor.APPLICANT, {State.PERBAIKAN: State.CEK_BERKAS}),
    Rule(EventKind.FILE_ACCEPTED, Actor.OFFICER, {State.CEK_BERKAS: State.PENILAIAN_TEKNIS}),
    Rule(EventKind.ASSESSED, Actor.OFFICER, {State.PENILAIAN_TEKNIS: State.PENETAPAN_RETRIBUSI}),
    Rule(EventKind.ASSESSED_FREE, Actor.OFFICER, {State.PENILAIAN_TEKNIS: State.PENANDATANGANAN}),
    Rule(EventKind.LEVY_SET, Actor.OFFICER, {State.PENETAPAN_RETRIBUSI: State.MENUNGGU_BAYAR}),
    Rule(EventKind.PAID, Actor.BANK, {State.MENUNGGU_BAYAR: State.CEK_BAYAR}),
    # By the system when order and payment agree to the rupiah, else by an officer.
    Rule(EventKind.PAYMENT_CONFIRMED, Actor.OFFICER, {State.CEK_BAYAR: State.PENANDATANGANAN}),
    Rule(EventKind.PAYMENT_REJECTED, Actor.OFFICER, {State.CEK_BAYAR: State.MENUNGGU_BAYAR}),
    # Money that arrives when none is awaited is recorded too, to be given back.
    Rule(
        EventKind.PAYMENT_SURPLUS,
        Actor.BANK,
        _stay([State.CEK_BAYAR, State.PENANDATANGANAN, State.TERBIT, State.DIBATALKAN, State.KEDALUWARSA]),
    ),
    Rule(EventKind.ISSUED, Actor.OFFICER, {State.PENANDATANGANAN: State.TERBIT}),
    Rule(
        EventKind.REFUSED,
        Actor.OFFICER,
        {State.CEK_BERKAS: State.DITOLAK, State.PENILAIAN_TEKNIS: State.DITOLAK},
    ),
    # Until money has been paid; after that the office owes the permit.
    Rule(
        EventKind.WITHDRAWN,
        Actor.APPLICANT,
        {state: State.DIBATALKAN for state in State if state not in ENDS | {State.CEK_BAYAR, State.PENANDATANGANAN}},
    ),
    Rule(EventKind.EXPIRED, Actor.SYSTEM, dict.fromkeys(sorted(AWAITING_APPLICANT), State.KEDALUWARSA)),
)
_MOVES: Mapping[tuple[State | None, EventKind], State] = {
    (None, EventKind.CREATED): State.DRAF,
    **{(source, rule.kind): target for rule in RULES for source, target in rule.moves.items()},
}


def step(state: State | None, kind: EventKind) -> State:
    """Return the state this event leads to; None is the state before the first event."""
    try:
        return _MOVES[state, kind]
    except KeyError:
        raise NotPossible(state, kind) from None


def state_after(kinds: Iterable[EventKind]) -> State:
    """Return the state a case with these events is in."""
    state: State | None = None
    for kind in kinds:
        state = step(state, kind)
    if state is None:
        raise ValueError("a case has at least one event")
    return state


def possible(state: State) -> list[EventKind]:
    """List what may happen in this state."""
    return [kind for kind in EventKind if (state, kind) in _MOVES]
