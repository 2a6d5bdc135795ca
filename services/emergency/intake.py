"""Taking a report in. Nothing here asks who calls, and as little as possible is a reason to refuse.

Needed are a kind, a place (position or landmark) and a number to call back. Whatever else is odd is kept as it is,
for a human to judge: unknown words, unknown members, long texts, a repeated Idempotency-Key.
"""

import re
import secrets
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.emergency.answers import NO_STORE, with_call
from services.emergency.grouping import founder_of, group_of, history_of, landmark_key, still_alone
from services.emergency.lenient import Prose, WholeNumber, attempt_if_usable, once_or_anew, read_leniently
from services.emergency.ranking import signals, suspicion
from services.emergency.service import Service
from services.emergency.tables import Incident
from services.emergency.views import reporter_view
from services.kit.assertion import Caller, caller_of
from services.kit.idempotency import Answer
from services.kit.indonesia import normalise_phone
from services.kit.inputs import parse_json
from services.kit.places import is_in_city, nearest_kecamatan
from services.kit.problem import Refused

_NAME_LENGTH = 100
_WORD_LENGTH = 64
_CALLBACK = re.compile(r"\+?[0-9]{5,20}")
# Indonesia, roughly: outside of it a position is a sign of a prank or of a broken phone.
_SOUTH, _NORTH, _WEST, _EAST = -11.5, 6.5, 94.5, 141.5
_VERIFIED_LEVELS = frozenset({"3", "4"})  # NIK matched, verified in person


def _callable(text: str) -> str:
    compact = re.sub(r"[ ()./-]", "", text)
    if not _CALLBACK.fullmatch(compact):
        raise Refused("Isi nomor yang dapat kami telepon, misalnya 0812-3456-7890.", "Give a number we can call.")
    try:
        return normalise_phone(compact)
    except Refused:
        return compact  # a landline or a foreign number: whoever calls from it still needs help


class NewIncident(BaseModel):
    """What a caller sends. Members that are not known are left aside."""

    model_config = ConfigDict(extra="ignore", strict=True)

    kind: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    callback: Annotated[str, AfterValidator(_callable)]
    lat: float | None = Field(default=None, ge=-90, le=90, allow_inf_nan=False)
    lon: float | None = Field(default=None, ge=-180, le=180, allow_inf_nan=False)
    accuracy_m: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    landmark: Prose | None = None
    description: Prose | None = None
    name: Prose | None = None
    people: WholeNumber | None = Field(default=None, ge=0, le=1_000_000)
    silent: bool | None = None

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if (self.lat is None or self.lon is None) and not self.landmark:
            raise Refused(
                "Sebutkan tempatnya: lat dan lon, atau landmark (patokan).", "Say where: lat and lon, or a landmark."
            )
        return self

    @property
    def position(self) -> tuple[float, float] | None:
        return None if self.lat is None or self.lon is None else (self.lat, self.lon)


def routes(service: Service) -> list[Route]:
    """Return the route that takes reports in."""

    async def create(request: Request) -> Response:
        body = await read_leniently(request)
        new, caller = parse_json(body, NewIncident), caller_of(request)
        attempt = attempt_if_usable(request, body, caller=None if caller is None else caller.subject)

        def act(session: Session) -> Answer:
            return _take_in(service, session, new, caller)

        answer = await service.commits.write(lambda session: once_or_anew(service.once, session, attempt, act))
        service.changes.announce([])
        if "Idempotency-Replayed" in answer.headers:
            # A phone that asks again needs what is true now: perhaps that nobody has answered yet.
            answer = await service.database.read(lambda session: _renewed(service, session, answer))
        return answer.response()

    return [Route("/incidents", create, methods=["POST"])]


def _take_in(service: Service, session: Session, new: NewIncident, caller: Caller | None) -> Answer:
    incident = _incident(service, new, caller)
    incident.group = group_of(session, service.catalogue.kind(incident.kind), incident)
    _judge(service, session, incident)
    _compare(service, session, incident)
    case = service.ledger.open(session, incident)
    view = reporter_view(service, case, case)
    return Answer(201, with_call(view), {**NO_STORE, "Location": f"incidents/{incident.id}"})


def _renewed(service: Service, session: Session, earlier: Answer) -> Answer:
    case = service.ledger.find(session, earlier.body["id"])
    assert case is not None, "the answer was stored with the incident, and none is ever deleted"
    view = reporter_view(service, case, service.ledger.main_of(session, case))
    return Answer(earlier.status, with_call(view), earlier.headers)


def _judge(service: Service, session: Session, incident: Incident) -> None:
    rules = service.catalogue.suspicion
    named = signals(
        rules,
        history_of(session, rules, incident),
        is_impossible_place=_is_impossible(incident),
        is_verified_citizen=incident.assurance in _VERIFIED_LEVELS,
    )
    incident.signals, incident.suspicion = named, suspicion(rules, named)


def _compare(service: Service, session: Session, incident: Incident) -> None:
    """Tell whether other people report the same; if this is the first who does, those before are confirmed too."""
    incident.is_corroborated = False
    if incident.group:
        callback, is_corroborated = founder_of(session, incident)
        incident.is_corroborated = is_corroborated or callback != incident.callback
        if incident.is_corroborated and not is_corroborated:
            service.ledger.corroborate(still_alone(session, incident))


def _is_impossible(incident: Incident) -> bool:
    if incident.lat is None or incident.lon is None:
        return False
    return not (_SOUTH <= incident.lat <= _NORTH and _WEST <= incident.lon <= _EAST)


def _incident(service: Service, new: NewIncident, caller: Caller | None) -> Incident:
    position = new.position
    is_inside = position is None or is_in_city(*position)
    return Incident(
        id=secrets.token_urlsafe(24),
        reporter=None if caller is None else caller.subject,
        assurance=None if caller is None else caller.assurance,
        callback=new.callback,
        is_silent=bool(new.silent),
        kind_given=new.kind[:_WORD_LENGTH],
        kind=service.catalogue.kind(new.kind).code,
        received_at=service.now(),
        **_told(new),
        lat=position[0] if position else None,
        lon=position[1] if position else None,
        accuracy_m=new.accuracy_m,
        district=nearest_kecamatan(*position).code if position and is_inside else None,
        is_outside=not is_inside,
        group=0,
    )


def _told(new: NewIncident) -> dict[str, Any]:
    return {
        "reporter_name": (new.name or "")[:_NAME_LENGTH] or None,
        "description": new.description or None,
        "landmark": new.landmark or None,
        "landmark_key": landmark_key(new.landmark) if new.landmark else None,
        "people": new.people,
    }
