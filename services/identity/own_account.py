"""What a signed-in person sees and changes: the own account and the sessions on each device."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity.accounts import Means, handle_of, identifiers_of, name_of
from services.identity.bodies import Renaming
from services.identity.identifiers import mask
from services.identity.service import Service, SignedIn, signed_in
from services.identity.sessions import clean_device, end_session
from services.identity.tables import DeviceSession
from services.kit.assertion import Caller, require_caller
from services.kit.clock import iso
from services.kit.etag import conditional_json, json_response
from services.kit.inputs import read_json
from services.kit.paging import Listing
from services.kit.problem import not_found

SESSIONS = Listing(
    sorts={"opened_at": DeviceSession.opened_at, "last_used_at": DeviceSession.rotated_at},
    tie=DeviceSession.id,
    default_sort="-last_used_at",
)


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def me(request: Request) -> Response:
        caller = require_caller(request)
        shown = await service.database.read(
            lambda session: account_json(session, service.means, signed_in(session, caller))
        )
        return conditional_json(request, shown)

    async def sessions(request: Request) -> Response:
        return await _sessions(service, request)

    async def rename(request: Request) -> Response:
        caller = require_caller(request)
        name = clean_device((await read_json(request, Renaming)).device)

        def act(session: Session) -> dict[str, Any]:
            device = _own_session(session, caller, request.path_params["id"])
            device.device = name or device.device
            return session_json(device, caller)

        return json_response(await service.database.write(act))

    async def end(request: Request) -> Response:
        caller = require_caller(request)

        def act(session: Session) -> None:
            end_session(session, service.means, _own_session(session, caller, request.path_params["id"]), "ended")

        await service.database.write(act)
        await service.feed.nudge()
        return Response(status_code=204)

    return [
        Route("/me", me),
        Route("/sessions", sessions),
        Route("/sessions/{id}", rename, methods=["PATCH"]),
        Route("/sessions/{id}", end, methods=["DELETE"]),
    ]


async def _sessions(service: Service, request: Request) -> Response:
    caller = require_caller(request)
    page = SESSIONS.read(request)

    def query(session: Session) -> dict[str, Any]:
        own = signed_in(session, caller)
        alive = select(DeviceSession).where(
            DeviceSession.account_id == own.account.id, DeviceSession.ended_at.is_(None)
        )
        return page.answer(session.scalars(page.apply(alive)).all(), lambda device: session_json(device, caller))

    return json_response(await service.database.read(query), headers={"Cache-Control": "no-store"})


def account_json(session: Session, means: Means, own: SignedIn) -> dict[str, Any]:
    """Show the account to its owner; identifiers are masked."""
    return {
        "sub": own.account.id,
        "name": name_of(means, own.account),
        "status": own.state.status.value,
        "assurance": str(own.state.tier),
        "identifiers": [
            {
                "id": row.id,
                "kind": row.kind,
                "shown": mask(handle_of(means, row)),
                "proof": row.proof,
                "contested": own.state.claims[row.id].is_contested,
                "claimed_at": iso(row.claimed_at),
            }
            for row in identifiers_of(session, own.account.id)
        ],
        "roles": sorted(own.state.roles),
        "registered_at": iso(own.account.created_at),
    }


def session_json(device: DeviceSession, caller: Caller) -> dict[str, Any]:
    """Show one session to its owner."""
    return {
        "id": device.id,
        "device": device.device,
        "opened_at": iso(device.opened_at),
        "last_used_at": iso(device.rotated_at),
        "current": device.id == caller.session,
    }


def _own_session(session: Session, caller: Caller, session_id: str) -> DeviceSession:
    own = signed_in(session, caller)
    device = session.get(DeviceSession, session_id)
    if device is None or device.account_id != own.account.id or device.ended_at is not None:
        raise not_found("Sesi ini tidak ada atau sudah berakhir.", "There is no such session, or it has ended.")
    return device
