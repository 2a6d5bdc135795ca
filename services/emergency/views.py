"""How incidents are shown: to whoever reported one, and to the operators."""

from datetime import datetime, timedelta
from typing import Any

from services.emergency.ledger import Case
from services.emergency.machine import OPEN, Event, Happening, Stage
from services.emergency.service import Service
from services.emergency.texts import (
    CALL_NOW,
    CALL_NOW_SILENTLY,
    ENDED,
    FOLLOW,
    OUTSIDE,
    SILENT,
    WAIT,
    happening_text,
    state_text,
    text_json,
)
from services.kit.clock import iso
from services.kit.problem import Text

Json = dict[str, Any]  # Any: JSON

_MESSAGES = (Happening.REPORTER_WROTE, Happening.OPERATOR_WROTE)


def seconds_until_call(service: Service, case: Case) -> float | None:
    """Return after how many seconds the caller should telephone; 0 or less: now; None: an operator answered."""
    if case.state.acknowledged_at is not None:
        return None
    waited: timedelta = service.now() - case.incident.received_at
    return (service.catalogue.unacknowledged - waited).total_seconds()


def reporter_view(service: Service, case: Case, main: Case) -> Json:
    """Show an incident to whoever holds its id; `main` is the one it was joined to, or itself."""
    incident, left = case.incident, seconds_until_call(service, case)
    kind = service.catalogue.kind(case.state.kind)
    return {
        "id": incident.id,
        "reference": incident.reference,
        "kind": {"code": kind.code, "title": text_json(kind.title), "advice": text_json(kind.advice)},
        "state": case.state.status,
        "progress": main.state.status,
        "message": text_json(state_text(main.state.status)),
        "acknowledged": left is None,
        "call_now": left is not None and left <= 0,
        "call_in_seconds": None if left is None else max(0, round(left)),
        "advice": [text_json(text) for text in _advice(case, main, left)],
        "silent": incident.is_silent,
        "outside_city": incident.is_outside,
        "joined_with": main.incident.reference if main is not case else None,
        "units": [_unit(service, code, stage) for code, stage in main.state.units.items() if stage in _COUNTING],
        "location": {"lat": incident.lat, "lon": incident.lon, "landmark": incident.landmark},
        "callback_hint": f"…{incident.callback[-3:]}",
        "messages": [_message(event) for event in case.events if event.kind in _MESSAGES],
        "history": [line for event in case.events if (line := _line(event)) is not None],
        "received_at": iso(incident.received_at),
        "updated_at": iso(max(incident.updated_at, main.incident.updated_at)),
        "version": version_of((case, main)),
    }


_COUNTING = (Stage.ASSIGNED, Stage.ON_THE_WAY, Stage.ON_SCENE, Stage.FINISHED)


def _advice(case: Case, main: Case, seconds_left: float | None) -> list[Text]:
    texts = []
    if seconds_left is not None:
        urgent = CALL_NOW_SILENTLY if case.incident.is_silent else CALL_NOW
        texts.append(urgent if seconds_left <= 0 else WAIT)
    else:
        texts.append(FOLLOW if main.state.status in OPEN else ENDED)
    if case.incident.is_silent:
        texts.append(SILENT)
    if case.incident.is_outside:
        texts.append(OUTSIDE)
    return texts


def _unit(service: Service, code: str, stage: Stage) -> Json:
    unit = service.catalogue.units.get(code)
    # A unit that has left the data file keeps its place in the history of an incident.
    name, agency = (unit.name, unit.agency) if unit else (code, None)
    return {"code": code, "name": name, "agency": agency, "stage": stage}


def _message(event: Event) -> Json:
    return {"at": iso(event.at), "from": event.actor, "text": event.detail["text"]}


def _line(event: Event) -> Json | None:
    text = happening_text(event.kind)
    return None if text is None else {"at": iso(event.at), "kind": event.kind, "text": text_json(text)}


def stamp(instant: datetime | None) -> str | None:
    """Write an instant, or null."""
    return None if instant is None else iso(instant)


def version_of(found: tuple[Case, Case]) -> str:
    """Return a word that changes with whatever happens to an incident or the one it was joined to."""
    case, main = found
    own = str(case.incident.version)
    return own if main is case else f"{own}-{main.incident.serial}-{main.incident.version}"
