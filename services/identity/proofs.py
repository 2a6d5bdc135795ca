"""Adding, proving and giving up identifiers: what raises an account from guest to a person the city knows.

A claim alone blocks nobody: any number of accounts may make it. A proof ends every other claim to the same thing.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity import codes
from services.identity.accounts import (
    Means,
    NewIdentifier,
    claim,
    count_claims,
    find_proved,
    handle_of,
    identifiers_of,
    lookup_of,
    prove,
    record,
    remove,
)
from services.identity.bodies import (
    MAX_BODY_BYTES,
    Claiming,
    CodeTyped,
    Confirmation,
    Matching,
    acceptable_password,
    normalised,
)
from services.identity.identifiers import Kind, mask
from services.identity.machine import Happening, Proof
from services.identity.notices import notify
from services.identity.own_account import account_json
from services.identity.population import Particulars
from services.identity.postman import write_message
from services.identity.service import Service, SignedIn, client_address, confirm_password, signed_in
from services.identity.tables import Account, Identifier
from services.identity.throttle import Pace, keep_pace
from services.kit.assertion import Caller, require_caller
from services.kit.clock import iso
from services.kit.etag import json_response
from services.kit.inputs import read_json
from services.kit.problem import Problem, conflict, not_found

_NO_STORE = {"Cache-Control": "no-store"}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def add(request: Request) -> Response:
        return await _add(service, request)

    async def release(request: Request) -> Response:
        return await _release(service, request)

    async def send_code(request: Request) -> Response:
        return await _send_code(service, request)

    async def prove_contact(request: Request) -> Response:
        return await _prove_contact(service, request)

    async def match(request: Request) -> Response:
        return await _match(service, request)

    return [
        Route("/me/identifiers", add, methods=["POST"]),
        Route("/me/identifiers/{id}/release", release, methods=["POST"]),
        Route("/me/identifiers/{id}/code", send_code, methods=["POST"]),
        Route("/me/identifiers/{id}/proof", prove_contact, methods=["POST"]),
        Route("/me/nik-match", match, methods=["POST"]),
    ]


async def _add(service: Service, request: Request) -> Response:
    caller = require_caller(request)
    body = await read_json(request, Claiming, max_bytes=MAX_BODY_BYTES)
    handle = normalised(Kind(body.kind), body.value, "value")
    confirmed = await confirm_password(service, caller, body.password)
    if confirmed is None:
        acceptable_password(service.means.policy, body.password)
    new = NewIdentifier(handle, await service.room.verifier(body.password, handle.kind, handle.value))

    def act(session: Session) -> Response:
        own = signed_in(session, caller)
        lookup = lookup_of(service.means.vault, handle)
        verifiers = {row.verifier for row in identifiers_of(session, own.account.id)}
        if verifiers and confirmed not in verifiers:
            # Else the new identifier would open the account with the password of before.
            raise conflict("changed-meanwhile", "Akun Anda berubah. Coba lagi.", "Your account changed. Try again.")
        if lookup in {row.lookup for row in identifiers_of(session, own.account.id)}:
            raise conflict("claimed-already", "Sudah ada di akun Anda.", "Your account has it already.")
        limit = service.means.policy.contacts_per_kind if handle.kind.is_contact else 1
        if count_claims(session, own.account.id, handle.kind) >= limit:
            raise conflict(
                "too-many-identifiers",
                f"Akun paling banyak memiliki {limit} untuk jenis ini. Lepas yang lama dahulu.",
                f"An account has at most {limit} of this kind. Release an old one first.",
            )
        claim(session, service.means, own.account, new)
        return _own_json(session, service, caller, 201)

    return await service.database.write(act)


async def _release(service: Service, request: Request) -> Response:
    caller = require_caller(request)
    body = await read_json(request, Confirmation, max_bytes=MAX_BODY_BYTES)
    await confirm_password(service, caller, body.password)

    def act(session: Session) -> Response:
        own = signed_in(session, caller)
        row = _own_identifier(session, own, request)
        if len(own.state.claims) == 1:
            raise conflict(
                "last-identifier",
                "Ini satu-satunya cara Anda masuk. Tambah yang lain dahulu, atau tutup akun.",
                "This is your only way to sign in. Add another first, or close the account.",
            )
        remove(session, service.means, own.account, row, Happening.RELEASED)
        session.flush()
        return _own_json(session, service, caller)

    answer = await service.database.write(act)
    await service.told()
    return answer


async def _send_code(service: Service, request: Request) -> Response:
    caller = require_caller(request)
    means = service.means

    def act(session: Session) -> Response:
        own = signed_in(session, caller)
        row = _own_identifier(session, own, request)
        handle = handle_of(means, row)
        if not handle.kind.is_contact:
            raise conflict("no-contact", "NIK tidak dibuktikan dengan kode.", "A NIK is not proved by a code.")
        if row.proof is not None:
            raise conflict("proved-already", "Sudah terbukti milik Anda.", "It is proved already.")
        codes.keep_code_pace(session, means, handle, own.account.id)
        issued = codes.issue(session, means, codes.PROVE, account_id=own.account.id, identifier_id=row.id)
        text = codes.message_text(issued.code, means.policy.code_minutes)
        write_message(session, means, handle, text, lives=means.policy.code_lifetime)
        shown = {"code_id": issued.id, "sent_to": mask(handle), "expires_at": iso(issued.expires_at)}
        return json_response(shown, 202, _NO_STORE)

    answer = await service.database.write(act)
    service.postman.nudge()
    return answer


async def _prove_contact(service: Service, request: Request) -> Response:
    caller = require_caller(request)
    body = await read_json(request, CodeTyped, max_bytes=MAX_BODY_BYTES)

    def act(session: Session) -> Response | Problem:
        own = signed_in(session, caller)
        row = _own_identifier(session, own, request)
        code = codes.redeem(session, service.means, body.code_id, body.code, codes.PROVE)
        if isinstance(code, Problem):
            return code
        if (code.account_id, code.identifier_id) != (own.account.id, row.id):
            return codes.code_over()
        losers = prove(session, service.means, own.account, row, Proof.CODE)
        tell_losers(session, service.means, losers, row)
        notify(session, service.means, own.account, "contact-proved", mask(handle_of(service.means, row)))
        return _own_json(session, service, caller)

    outcome = await service.database.write(act)
    await service.told()
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


async def _match(service: Service, request: Request) -> Response:
    caller = require_caller(request)
    body = await read_json(request, Matching, max_bytes=MAX_BODY_BYTES)
    means = service.means
    address_key = means.vault.mac("throttle", "match-address", client_address(request))

    def begin(session: Session) -> tuple[str, str]:
        own = signed_in(session, caller)
        row = _nik_to_match(session, own)
        day, limit = timedelta(days=1), means.policy.matches_per_account_day
        keep_pace(session, means.now(), means.vault.mac("throttle", "match", own.account.id), Pace(limit, day))
        # Many accounts from one place must not make the register a guessing game either.
        keep_pace(session, means.now(), address_key, Pace(limit * 10, day))
        return row.id, handle_of(means, row).value

    identifier_id, nik = await service.database.write(begin)
    matches = await service.register.matches(Particulars(nik, body.name, body.birth_date, body.family_card))
    if not matches:
        return json_response({"result": "TIDAK SESUAI", "contested": False}, headers=_NO_STORE)

    def act(session: Session) -> Response:
        own = signed_in(session, caller)
        row = session.get(Identifier, identifier_id)
        if row is None or row.account_id != own.account.id or _nik_to_match(session, own) is not row:
            raise not_found()
        is_contested = not _settle_match(session, means, own.account, row)
        after = account_json(session, means, signed_in(session, caller))
        shown = {"result": "SESUAI", "contested": is_contested, "assurance": after["assurance"]}
        return json_response(shown, headers=_NO_STORE)

    answer = await service.database.write(act)
    await service.told()
    return answer


def _settle_match(session: Session, means: Means, account: Account, row: Identifier) -> bool:
    """Give the NIK to this account, unless another matched it first: then only a counter can tell whose it is."""
    holder = find_proved(session, means, handle_of(means, row))
    if holder is None:
        tell_losers(session, means, prove(session, means, account, row, Proof.MATCH), row)
        notify(session, means, account, "nik-matched")
        return True
    record(session, means, account, Happening.CONTESTED, identifier=row.id)
    for party in (account, session.get_one(Account, holder.account_id)):
        notify(session, means, party, "nik-contested")
    return False


def _nik_to_match(session: Session, own: SignedIn) -> Identifier:
    if own.state.tier < 2:
        raise conflict(
            "prove-contact-first",
            "Buktikan e-mail atau telepon Anda dahulu.",
            "Prove your e-mail address or phone first.",
        )
    rows = [row for row in identifiers_of(session, own.account.id) if row.kind == Kind.NIK]
    if not rows:
        raise conflict("no-nik", "Tambahkan NIK ke akun Anda dahulu.", "Add your NIK to the account first.")
    if rows[0].proof is not None:
        raise conflict("proved-already", "NIK Anda sudah sesuai.", "Your NIK is matched already.")
    return rows[0]


def tell_losers(session: Session, means: Means, losers: Sequence[Account], row: Identifier) -> None:
    """Tell the accounts whose claim ended because this one was proved."""
    for loser in losers:
        notify(session, means, loser, "contact-lost", mask(handle_of(means, row)))


def _own_identifier(session: Session, own: SignedIn, request: Request) -> Identifier:
    row = session.get(Identifier, request.path_params["id"])
    if row is None or row.account_id != own.account.id:
        raise not_found()
    return row


def _own_json(session: Session, service: Service, caller: Caller, status: int = 200) -> Response:
    return json_response(account_json(session, service.means, signed_in(session, caller)), status, _NO_STORE)
