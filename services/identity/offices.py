"""What officers and admins do, through the same API as everybody: the counter, roles, blocking.

The role is read from the account itself at each call, so that one just withdrawn is no good any more.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity import codes
from services.identity.accounts import (
    Means,
    find_proved,
    handle_of,
    identifiers_of,
    lookup_of,
    name_of,
    prove,
    record,
    state_of,
)
from services.identity.bodies import (
    MAX_BODY_BYTES,
    CounterCase,
    Reason,
    RecoveryRequest,
    normalised,
    recognised,
    recognised_contact,
)
from services.identity.identifiers import Kind, mask
from services.identity.machine import Happening, Proof
from services.identity.notices import notify
from services.identity.postman import write_message
from services.identity.proofs import tell_losers
from services.identity.roles import ROLE
from services.identity.service import Service, require_officer
from services.identity.sessions import end_sessions
from services.identity.tables import Account
from services.kit.assertion import require_caller
from services.kit.clock import iso
from services.kit.etag import json_response
from services.kit.indonesia import mask_name
from services.kit.inputs import read_json
from services.kit.paging import Listing
from services.kit.problem import FieldError, Text, conflict, not_found, unprocessable

COUNTER_ROLE = "officer:DISDUKCAPIL"
ADMIN_ROLE = "admin"
ACCOUNTS = Listing(sorts={"created_at": Account.created_at}, tie=Account.id, default_sort="-created_at")

_NO_STORE = {"Cache-Control": "no-store"}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def verify(request: Request) -> Response:
        return await _verify_in_person(service, request)

    async def recover(request: Request) -> Response:
        return await _recover_in_person(service, request)

    async def accounts(request: Request) -> Response:
        return await _accounts(service, request)

    async def search(request: Request) -> Response:
        return await _search(service, request)

    async def grant(request: Request) -> Response:
        return await _change_role(service, request, Happening.ROLE_GRANTED)

    async def withdraw(request: Request) -> Response:
        return await _change_role(service, request, Happening.ROLE_WITHDRAWN)

    async def block(request: Request) -> Response:
        reason = (await read_json(request, Reason, max_bytes=MAX_BODY_BYTES)).reason
        return await _change_status(service, request, Happening.BLOCKED, reason=reason)

    async def unblock(request: Request) -> Response:
        return await _change_status(service, request, Happening.UNBLOCKED)

    return [
        _route("POST", "/counter/verifications", verify),
        _route("POST", "/counter/recoveries", recover),
        _route("GET", "/accounts", accounts),
        _route("POST", "/accounts/search", search),
        _route("PUT", "/accounts/{id}/roles/{role}", grant),
        _route("DELETE", "/accounts/{id}/roles/{role}", withdraw),
        _route("POST", "/accounts/{id}/block", block),
        _route("POST", "/accounts/{id}/unblock", unblock),
    ]


def _route(method: str, path: str, act: Callable[[Request], Awaitable[Response]]) -> Route:
    async def endpoint(request: Request) -> Response:
        require_caller(request)  # before anything that was sent is judged: a stranger learns only to sign in
        return await act(request)

    return Route(path, endpoint, methods=[method])


async def _verify_in_person(service: Service, request: Request) -> Response:
    """Give a NIK to the account whose proved contact the person at the counter names."""
    body = await read_json(request, CounterCase, max_bytes=MAX_BODY_BYTES)
    nik, contact = normalised(Kind.NIK, body.nik, "nik"), recognised_contact(body.contact, "contact")
    means = service.means

    def act(session: Session) -> dict[str, Any]:
        officer = require_officer(session, request, COUNTER_ROLE)
        holder = find_proved(session, means, contact)
        if holder is None:
            raise not_found("Tidak ada akun dengan kontak terbukti ini.", "No account has proved this contact.")
        account = session.get_one(Account, holder.account_id)
        lookup = lookup_of(means.vault, nik)
        rows = [row for row in identifiers_of(session, account.id) if row.lookup == lookup]
        if not rows:
            raise conflict(
                "nik-not-claimed",
                "Minta warga menambahkan NIK ini di akunnya dahulu.",
                "Ask the citizen to add this NIK to the account first.",
            )
        losers = prove(session, means, account, rows[0], Proof.IN_PERSON, by=officer.account.id, seen=body.seen)
        tell_losers(session, means, losers, rows[0])
        notify(session, means, account, "verified-in-person")
        return _account_json(session, means, account)

    shown = await service.database.write(act)
    await service.told()
    return json_response(shown, headers=_NO_STORE)


async def _recover_in_person(service: Service, request: Request) -> Response:
    """Send a code to the person's new contact; with it they take over the account that proved the NIK."""
    body = await read_json(request, CounterCase, max_bytes=MAX_BODY_BYTES)
    nik, contact = normalised(Kind.NIK, body.nik, "nik"), recognised_contact(body.contact, "contact")
    means = service.means

    def act(session: Session) -> Response:
        officer = require_officer(session, request, COUNTER_ROLE)
        holder = find_proved(session, means, nik)
        if holder is None:
            raise not_found("Tidak ada akun dengan NIK terbukti ini.", "No account has proved this NIK.")
        codes.keep_code_pace(session, means, contact, officer.account.id)
        issued = codes.issue(session, means, codes.COUNTER, account_id=holder.account_id, officer_id=officer.account.id)
        codes.attach_contact(session, means, issued, contact)
        # The officer never sees the code: only who holds the new contact can set the password.
        text = codes.message_text(issued.code, means.policy.code_minutes)
        write_message(session, means, contact, text, lives=means.policy.code_lifetime)
        shown = {"recovery_id": issued.id, "sent_to": mask(contact), "expires_at": iso(issued.expires_at)}
        return json_response(shown, 202, _NO_STORE)

    answer = await service.database.write(act)
    service.postman.nudge()
    return answer


async def _accounts(service: Service, request: Request) -> Response:
    page = ACCOUNTS.read(request)

    def query(session: Session) -> dict[str, Any]:
        require_officer(session, request, ADMIN_ROLE)
        rows = session.scalars(page.apply(select(Account))).all()
        return page.answer(rows, lambda account: _account_json(session, service.means, account))

    return json_response(await service.database.read(query), headers=_NO_STORE)


async def _search(service: Service, request: Request) -> Response:
    """Find who proved an identifier. It travels in the body, for addresses end in logs."""
    handle = recognised((await read_json(request, RecoveryRequest, max_bytes=MAX_BODY_BYTES)).identifier)

    def query(session: Session) -> dict[str, Any]:
        require_officer(session, request, ADMIN_ROLE)
        holder = find_proved(session, service.means, handle)
        if holder is None:
            raise not_found("Tidak ada akun yang membuktikannya.", "No account has proved it.")
        return _account_json(session, service.means, session.get_one(Account, holder.account_id))

    return json_response(await service.database.read(query), headers=_NO_STORE)


async def _change_role(service: Service, request: Request, happening: Happening) -> Response:
    role = request.path_params["role"]
    if not ROLE.fullmatch(role):
        known = Text(
            "Peran: officer:<INSTANSI>, operator:112, atau admin.", "Roles: officer:<AGENCY>, operator:112, or admin."
        )
        raise unprocessable(FieldError("role", known))

    def act(session: Session) -> dict[str, Any]:
        admin = require_officer(session, request, ADMIN_ROLE)
        account = _account(session, request)
        if role == ADMIN_ROLE and account.id == admin.account.id:
            raise conflict("own-role", "Admin lain yang harus mengubahnya.", "Another admin must change this.")
        if (role in state_of(session, account.id).roles) != (happening is Happening.ROLE_GRANTED):
            record(session, service.means, account, happening, role=role, by=admin.account.id)
            notify(session, service.means, account, "roles-changed", role)
        return _account_json(session, service.means, account)

    shown = await service.database.write(act)
    await service.told()
    return json_response(shown, headers=_NO_STORE)


async def _change_status(service: Service, request: Request, happening: Happening, **detail: str) -> Response:
    def act(session: Session) -> dict[str, Any]:
        admin = require_officer(session, request, ADMIN_ROLE)
        account = _account(session, request)
        record(session, service.means, account, happening, by=admin.account.id, **detail)
        if happening is Happening.BLOCKED:
            end_sessions(session, service.means, account, "blocked")
        return _account_json(session, service.means, account)

    shown = await service.database.write(act)
    await service.told()
    return json_response(shown, headers=_NO_STORE)


def _account(session: Session, request: Request) -> Account:
    account = session.get(Account, request.path_params["id"])
    if account is None:
        raise not_found()
    return account


def _account_json(session: Session, means: Means, account: Account) -> dict[str, Any]:
    """Show an account to an officer: enough to recognise it, not to know the person."""
    state = state_of(session, account.id)
    return {
        "id": account.id,
        "name": mask_name(name_of(means, account)),
        "status": state.status.value,
        "assurance": str(state.tier),
        "identifiers": [
            {"kind": row.kind, "shown": mask(handle_of(means, row)), "proof": row.proof}
            for row in identifiers_of(session, account.id)
        ],
        "roles": sorted(state.roles),
        "registered_at": iso(account.created_at),
    }
