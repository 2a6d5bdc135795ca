"""How operators see incidents: one line on the board, and one incident with all that is known of it."""

from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request

from services.emergency.board_actions import ACTIONS
from services.emergency.catalogue import Neighbour
from services.emergency.ledger import Case
from services.emergency.machine import Actor, Event, Stage, Status, possible
from services.emergency.service import Service
from services.emergency.tables import Incident
from services.emergency.texts import text_json
from services.emergency.views import Json
from services.kit.clock import iso
from services.kit.paging import page_of
from services.kit.places import distance_m

_SHOWN_NEIGHBOURS = 100
_BUSY = (Stage.ASSIGNED, Stage.ON_THE_WAY, Stage.ON_SCENE)


def line(service: Service, incident: Incident) -> Json:
    """Show an incident as one line of the board."""
    waited = service.now() - incident.received_at
    is_unread = incident.acknowledged_at is None
    return {
        "reference": incident.reference,
        "kind": incident.kind,
        "state": incident.state,
        "priority": incident.priority,
        "unread": is_unread,
        "overdue": is_unread and waited >= service.catalogue.unacknowledged,
        "waiting_seconds": int(waited.total_seconds()) if is_unread else None,
        "suspicion": incident.suspicion,
        "signals": incident.signals,
        "corroborated": incident.is_corroborated,
        "group": incident.group,
        "joined_with": None if incident.merged_into is None else f"112-{incident.merged_into:06d}",
        "silent": incident.is_silent,
        "callback": incident.callback,
        "lat": incident.lat,
        "lon": incident.lon,
        "landmark": incident.landmark,
        "district": incident.district,
        "outside_city": incident.is_outside,
        "description": incident.description,
        "received_at": iso(incident.received_at),
        "updated_at": iso(incident.updated_at),
    }


def case_view(service: Service, session: Session, case: Case) -> Json:
    """Show an incident whole: what was said, what was done, what stands beside it, what can be done next."""
    incident, kind = case.incident, service.catalogue.kind(case.state.kind)
    centre = _responsible_centre(service, incident)
    return {
        **line(service, incident),
        "kind_title": text_json(kind.title),
        "kind_given": incident.kind_given,
        "agencies": list(kind.agencies),
        "name": incident.reporter_name,
        "people": incident.people,
        "accuracy_m": incident.accuracy_m,
        "assurance": incident.assurance,
        "centre": None if centre is None else {"code": centre.code, "name": centre.name},
        "units": [{"code": code, "stage": stage} for code, stage in case.state.units.items()],
        "joined": _references(session, Incident.merged_into == incident.serial),
        "beside": _references(session, Incident.group == incident.group, Incident.serial != incident.serial),
        "group_size": session.scalar(select(func.count()).where(Incident.group == incident.group)),
        "events": [_event(event) for event in case.events],
        "actions": _actions(case),
        "rules_verified": service.catalogue.rules_verified,
        "version": incident.version,
    }


def unit_list(service: Service, session: Session, request: Request) -> Json:
    """List every unit with the incidents it is busy with."""
    busy: dict[str, list[str]] = {code: [] for code in service.catalogue.units}
    working = (Status.DISPATCHED, Status.ON_THE_WAY, Status.ON_SCENE)
    for incident in session.scalars(select(Incident).where(Incident.state.in_(working)).order_by(Incident.serial)):
        for code, stage in service.ledger.case_of(session, incident).state.units.items():
            if stage in _BUSY and code in busy:
                busy[code].append(incident.reference)
    items = [
        {"code": unit.code, "agency": unit.agency, "name": unit.name, "busy_with": busy[unit.code]}
        for unit in service.catalogue.units.values()
    ]
    page = page_of(request, items, filters=("agency",), sorts=("code", "agency"), default_sort="code")
    return {**page, "verified": service.catalogue.rules_verified}


def _responsible_centre(service: Service, incident: Incident) -> Neighbour | None:
    lat, lon = incident.lat, incident.lon
    if not incident.is_outside or lat is None or lon is None:
        return None
    return min(service.catalogue.neighbours.values(), key=lambda place: distance_m(lat, lon, place.lat, place.lon))


def _references(session: Session, *conditions: Any) -> list[str]:  # Any: SQL conditions
    statement = select(Incident).where(*conditions).order_by(Incident.serial).limit(_SHOWN_NEIGHBOURS)
    return [incident.reference for incident in session.scalars(statement)]


def _event(event: Event) -> Json:
    return {"at": iso(event.at), "kind": event.kind, "by": event.actor, "detail": dict(event.detail)}


def _actions(case: Case) -> list[str]:
    # Acting on an unread report acknowledges it first, so what triage allows is offered at once.
    state = case.state
    states = [state, replace(state, status=Status.TRIAGE)] if state.status is Status.RECEIVED else [state]
    can_happen = {kind for state in states for kind in possible(state, Actor.OPERATOR)}
    return [name for name, kind in ACTIONS.items() if kind.happening in can_happen]
