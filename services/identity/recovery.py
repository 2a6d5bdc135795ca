"""Getting back in: a new password by a code to a proved contact, or, at the counter, to a new contact.

Whoever asks is told the same, in the same time, whether or not there is such an account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity import codes
from services.identity.accounts import (
    Means,
    NewIdentifier,
    claim,
    find_proved,
    handle_of,
    identifiers_of,
    prove,
    record,
    remove,
    state_of,
)
from services.identity.bodies import (
    MAX_BODY_BYTES,
    PasswordChange,
    RecoveryCompletion,
    RecoveryRequest,
    acceptable_password,
    recognised,
    recognised_contact,
)
from services.identity.identifiers import Handle, Kind
from services.identity.machine import Happening, Proof, Status
from services.identity.notices import notify
from services.identity.postman import write_decoy, write_message
from services.identity.proofs import tell_losers
from services.identity.service import Service, client_address, confirm_password, signed_in
from services.identity.sessions import end_sessions
from services.identity.tables import Account, Identifier
from services.kit.assertion import require_caller
from services.kit.clock import iso
from services.kit.etag import json_response
from services.kit.inputs import read_json
from services.kit.problem import Problem, conflict

_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a redeemed code allows: a new password here, and from the counter, a new contact."""

    account_id: str
    contact: Handle | None
    officer_id: str | None
    handles: Mapping[str, Handle]  # identifier id → value, as of now


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def ask(request: Request) -> Response:
        return await _ask(service, request)

    async def complete(request: Request) -> Response:
        return await _complete(service, request)

    async def change_password(request: Request) -> Response:
        return await _change_password(service, request)

    return [
        Route("/recovery", ask, methods=["POST"]),
        Route("/recovery/{id}", complete, methods=["POST"]),
        Route("/me/password", change_password, methods=["POST"]),
    ]


async def _ask(service: Service, request: Request) -> Response:
    body = await read_json(request, RecoveryRequest, max_bytes=MAX_BODY_BYTES)
    handle, means, address = recognised(body.identifier), service.means, client_address(request)

    def act(session: Session) -> Response:
        codes.keep_code_pace(session, means, handle, address)
        account_id, targets = _where_to_send(session, means, handle)
        issued = codes.issue(session, means, codes.RECOVER, account_id=account_id)
        text = codes.message_text(issued.code, means.policy.code_minutes)
        for target in targets:
            write_message(session, means, target, text, lives=means.policy.code_lifetime)
        if not targets:
            write_decoy(session, means, lives=means.policy.code_lifetime)
        return json_response({"recovery_id": issued.id, "expires_at": iso(issued.expires_at)}, 202, _NO_STORE)

    answer = await service.database.write(act)
    service.postman.nudge()
    return answer


def _where_to_send(session: Session, means: Means, handle: Handle) -> tuple[str | None, Sequence[Handle]]:
    """Return the account that proved this, and its contacts: the one named, or for a NIK all that are proved."""
    row = find_proved(session, means, handle)
    if row is None or state_of(session, row.account_id).status is not Status.OPEN:
        return None, ()
    if handle.kind.is_contact:
        return row.account_id, (handle,)
    proved = [each for each in identifiers_of(session, row.account_id) if each.proof and Kind(each.kind).is_contact]
    return row.account_id, [handle_of(means, each) for each in proved]


async def _complete(service: Service, request: Request) -> Response:
    body = await read_json(request, RecoveryCompletion, max_bytes=MAX_BODY_BYTES)
    password = acceptable_password(service.means.policy, body.new_password, "new_password")
    grant = await service.database.write(lambda session: _redeem(service, session, request, body.code))
    if isinstance(grant, Problem):
        raise grant
    verifiers = await _verifiers(service, password, grant.handles)
    new = await _new_identifier(service, password, grant.contact) if grant.contact else None

    def act(session: Session) -> None:
        account = session.get_one(Account, grant.account_id)
        _set_password(session, service.means, account, verifiers, how="counter" if new else "recovery")
        end_sessions(session, service.means, account, "recovered")
        # Told before contacts change: whoever had the account until now shall know.
        notify(session, service.means, account, "recovered")
        if new is not None:
            _hand_over(session, service.means, account, new, grant.officer_id or "")

    await service.database.write(act)
    await service.told()
    return Response(status_code=204, headers=_NO_STORE)


async def _new_identifier(service: Service, password: str, handle: Handle) -> NewIdentifier:
    return NewIdentifier(handle, await service.room.verifier(password, handle.kind, handle.value))


def _redeem(service: Service, session: Session, request: Request, code: str) -> _Grant | Problem:
    row = codes.redeem(session, service.means, request.path_params["id"], code, codes.RECOVER, codes.COUNTER)
    if isinstance(row, Problem):
        return row
    if row.account_id is None or state_of(session, row.account_id).status is not Status.OPEN:
        return codes.code_over()
    contact = row.sealed_contact and service.means.vault.unseal(row.sealed_contact, owner=row.id)
    handles = {each.id: handle_of(service.means, each) for each in identifiers_of(session, row.account_id)}
    return _Grant(
        row.account_id,
        recognised_contact(contact, "contact") if contact else None,
        row.officer_id,
        handles,
    )


def _hand_over(session: Session, means: Means, account: Account, new: NewIdentifier, officer_id: str) -> None:
    """Put the account into the hands of the person seen at the counter: its old contacts are not theirs any more."""
    for row in identifiers_of(session, account.id):
        if Kind(row.kind).is_contact:
            remove(session, means, account, row, Happening.LOST)
        else:
            record(session, means, account, Happening.PROVED, identifier=row.id, how=Proof.IN_PERSON, by=officer_id)
            row.proof = Proof.IN_PERSON.value
    session.flush()
    row = claim(session, means, account, new)
    tell_losers(session, means, prove(session, means, account, row, Proof.CODE), row)
    notify(session, means, account, "verified-in-person")


async def _change_password(service: Service, request: Request) -> Response:
    caller = require_caller(request)
    body = await read_json(request, PasswordChange, max_bytes=MAX_BODY_BYTES)
    password = acceptable_password(service.means.policy, body.new_password, "new_password")
    await confirm_password(service, caller, body.current_password, "current_password")

    def begin(session: Session) -> Mapping[str, Handle]:
        own = signed_in(session, caller)
        return {each.id: handle_of(service.means, each) for each in identifiers_of(session, own.account.id)}

    verifiers = await _verifiers(service, password, await service.database.read(begin))

    def act(session: Session) -> None:
        own = signed_in(session, caller)
        _set_password(session, service.means, own.account, verifiers, how="owner")
        end_sessions(session, service.means, own.account, "password-changed", keep=own.device.id)
        notify(session, service.means, own.account, "password-changed")

    await service.database.write(act)
    await service.told()
    return Response(status_code=204, headers=_NO_STORE)


async def _verifiers(service: Service, password: str, handles: Mapping[str, Handle]) -> Mapping[str, str]:
    return {id: await service.room.verifier(password, each.kind, each.value) for id, each in handles.items()}


def _set_password(session: Session, means: Means, account: Account, verifiers: Mapping[str, str], *, how: str) -> None:
    """Put the new verifiers beside all identifiers; 409 if one came or went while they were computed."""
    rows: Sequence[Identifier] = identifiers_of(session, account.id)
    if {row.id for row in rows} != verifiers.keys():
        raise conflict("changed-meanwhile", "Akun Anda berubah. Coba lagi.", "Your account changed. Try again.")
    for row in rows:
        row.verifier = verifiers[row.id]
    record(session, means, account, Happening.PASSWORD_CHANGED, how=how)
