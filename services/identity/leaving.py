"""Everything the service holds about a person, on request; and leaving for good."""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity.accounts import close, handle_of, identifiers_of
from services.identity.bodies import MAX_BODY_BYTES, Confirmation
from services.identity.notices import notice_json
from services.identity.own_account import account_json, session_json
from services.identity.service import Service, SignedIn, confirm_password, signed_in
from services.identity.sessions import end_sessions
from services.identity.tables import AccountEvent, DeviceSession, Notice, OneTimeCode
from services.kit.assertion import Caller, require_caller
from services.kit.clock import iso
from services.kit.etag import json_response
from services.kit.inputs import read_json
from services.kit.problem import Language, preferred_language

_NO_STORE = {"Cache-Control": "no-store"}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def export(request: Request) -> Response:
        caller = await _confirmed(service, request)
        language = preferred_language(request.headers.get("accept-language"))
        shown = await service.database.read(
            lambda session: _everything(service, session, signed_in(session, caller), language)
        )
        headers = {**_NO_STORE, "Content-Disposition": 'attachment; filename="akun-tangerang-live.json"'}
        return json_response(shown, headers=headers)

    async def leave(request: Request) -> Response:
        caller = await _confirmed(service, request)
        await service.database.write(lambda session: _leave(service, session, signed_in(session, caller)))
        await service.told()
        return Response(status_code=204, headers=_NO_STORE)

    return [
        Route("/me/export", export, methods=["POST"]),
        Route("/me/closing", leave, methods=["POST"]),
    ]


async def _confirmed(service: Service, request: Request) -> Caller:
    caller = require_caller(request)
    body = await read_json(request, Confirmation, max_bytes=MAX_BODY_BYTES)
    await confirm_password(service, caller, body.password)
    return caller


def _everything(service: Service, session: Session, own: SignedIn, language: Language) -> dict[str, Any]:
    means, account = service.means, own.account
    shown = account_json(session, means, own)
    values = {row.id: handle_of(means, row).value for row in identifiers_of(session, account.id)}
    of_account = select(DeviceSession).where(DeviceSession.account_id == account.id)
    devices = session.scalars(of_account.order_by(DeviceSession.opened_at)).all()
    notices = session.scalars(select(Notice).where(Notice.account_id == account.id).order_by(Notice.at)).all()
    events = session.scalars(
        select(AccountEvent).where(AccountEvent.account_id == account.id).order_by(AccountEvent.position)
    ).all()
    return {
        "account": {
            **shown,
            # Their own data, in full: this is the one place that shows it unmasked, behind the password.
            "identifiers": [{**each, "value": values[each["id"]]} for each in shown["identifiers"]],
        },
        "history": [{"kind": each.kind, "at": iso(each.at), "detail": each.detail} for each in events],
        "sessions": [
            {
                **session_json(each, own.caller),
                "ended_at": each.ended_at and iso(each.ended_at),
                "end_reason": each.end_reason,
            }
            for each in devices
        ],
        "notifications": [notice_json(means, each, language) for each in notices],
    }


def _leave(service: Service, session: Session, own: SignedIn) -> None:
    end_sessions(session, service.means, own.account, "closed")
    session.execute(delete(Notice).where(Notice.account_id == own.account.id))
    session.execute(delete(OneTimeCode).where(OneTimeCode.account_id == own.account.id))
    close(session, service.means, own.account)
    # Device names are the owner's words; that there were sessions is not.
    for device in session.scalars(select(DeviceSession).where(DeviceSession.account_id == own.account.id)):
        device.device = "-"
