"""What a citizen is told when a stage refused: the error, its agency and its case code, rendered by `problem` alone."""

from __future__ import annotations

from gateway import problem
from gateway.errors import GatewayError
from gateway.pipeline.call import Call, Reply
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route, Service, Snapshot


def refuse(error: GatewayError, call: Call, snapshot: Snapshot, route: Route | None, seen: Observation) -> Reply:
    """Return the error answer, and note its code and case for the log."""
    service = route.service if route is not None else _service_of(snapshot, call.path)
    emergency = route.emergency if route is not None else _is_emergency(snapshot, service)
    case = problem.case_code(call.id)
    seen.code, seen.source, seen.case = error.code, error.source, case
    rendered = problem.render(
        error,
        language=call.head.language,
        instance=call.path.decode("ascii"),
        case=case,
        agency=service.agency if service is not None else None,
        emergency=emergency,
        extra={"offline": route.offline} if route is not None and route.offline else None,
    )
    return Reply(rendered.status, rendered.fields, rendered.body)


def _service_of(snapshot: Snapshot, path: bytes) -> Service | None:
    segments = path.split(b"/", 3)
    return snapshot.services.get(segments[2].decode("ascii")) if len(segments) > 2 else None


def _is_emergency(snapshot: Snapshot, service: Service | None) -> bool:
    return service is not None and any(route.emergency for route in snapshot.routes if route.service is service)
