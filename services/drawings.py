"""The state machines of all services as pictures (Mermaid), drawn from the very tables that the services run on.

`python -m services.drawings` writes `docs/state-machines.md` anew; a test tells when it is out of date.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from services.complaints import life as complaint
from services.emergency import machine as incident
from services.identity import machine as account
from services.permits import machine as permit

PAGE = Path(__file__).parents[1] / "docs" / "state-machines.md"

_INTRODUCTION = """\
# State machines

Drawn by `python -m services.drawings` from the tables that the services run on; a test holds this page current. A case
is an append-only list of events and its state a pure function of them. An arrow is an event that changes the state;
what leaves a case where it is (messages, notes, photos, clock records) is not drawn. Nothing is ever deleted: no arrow
leads out of a case's existence, an end is only where nothing more is expected.
"""


def draw() -> str:
    """Return the page."""
    return "\n".join([_INTRODUCTION, *_account(), *_permit(), *_complaint(), *_incident()])


def _account() -> Iterator[str]:
    yield from _heading("An account (identity)", "services/identity/machine.py", "")
    yield from _diagram(
        _arrow(source, target, kind)
        for source, moves in account.TRANSITIONS.items()
        for kind, target in moves.items()
        if source is not target
    )


def _permit() -> Iterator[str]:
    yield from _heading("An application (permits)", "services/permits/machine.py", "")
    yield from _diagram(
        [
            _arrow("BARU", permit.State.DRAF, permit.EventKind.CREATED),
            *(
                _arrow(source, target, rule.kind)
                for rule in permit.RULES
                for source, target in rule.moves.items()
                if source is not target
            ),
        ],
        ends=permit.ENDS,
    )


def _complaint() -> Iterator[str]:
    note = "In brackets: who does it. Every state has exactly one place in the public balance."
    yield from _heading("A report (complaints)", "services/complaints/life.py", note)
    yield from _diagram(
        _arrow(source, target, f"{kind} ({' or '.join(sorted(complaint.ACTORS[kind]))})")
        for source, moves in complaint.TRANSITIONS.items()
        for kind, target in moves.items()
        if source is not target
    )
    yield from _table("place in the balance", complaint.PLACES)


def _incident() -> Iterator[str]:
    note = "Where one event has several arrows, the units decide: the furthest one says where the incident stands."
    yield from _heading("An incident (emergency)", "services/emergency/machine.py", note)
    yield from _diagram(
        _arrow(source, target, kind)
        for source, moves in incident.TRANSITIONS.items()
        for kind, possible in moves.items()
        for target in possible
        if source is not target
    )


def _heading(title: str, source: str, note: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield " ".join(filter(None, [f"From `{source}`.", note])) + "\n"


def _arrow(source: str, target: str, label: str) -> str:
    """Draw one; the state before the first event is Mermaid's beginning."""
    return f"    {'[*]' if source == 'BARU' else source} --> {target}: {label}"


def _diagram(arrows: Iterable[str], ends: Iterable[str] = ()) -> Iterator[str]:
    yield "```mermaid\nstateDiagram-v2"
    yield from arrows
    yield from (f"    {state} --> [*]" for state in sorted(ends))
    yield "```\n"


def _table(title: str, rows: Mapping[complaint.Status, complaint.Place]) -> Iterator[str]:
    yield f"| state | {title} |\n|---|---|"
    yield from (f"| {state} | {place} |" for state, place in rows.items())
    yield ""


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
