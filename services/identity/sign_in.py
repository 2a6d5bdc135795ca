"""The endpoints without which nobody gets in: register, log in, refresh, log out."""

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.identity.accounts import (
    NewIdentifier,
    create_account,
    find_by_password,
    name_of,
    state_of,
)
from services.identity.bodies import MAX_BODY_BYTES, Login, Refresh, Registration, acceptable_password, recognised
from services.identity.identifiers import Handle, mask
from services.identity.machine import AccountState, Status
from services.identity.notices import notify
from services.identity.service import Service, account_shut, session_over
from services.identity.sessions import (
    clean_device,
    device_name,
    end_session,
    find_genuine,
    open_session,
    use_refresh_token,
)
from services.identity.tables import Account, DeviceSession
from services.identity.throttle import enter, forget, forgive_one, keep_pace
from services.identity.tokens import Verdict, access_claims, read_refresh_token, write_refresh_token
from services.kit.assertion import caller_of
from services.kit.etag import json_response
from services.kit.idempotency import Answer, attempt_of
from services.kit.inputs import parse_json, read_bounded, read_json, read_json_bytes
from services.kit.problem import Problem, Text

_NO_STORE = {"Cache-Control": "no-store"}


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of this file."""

    async def register(request: Request) -> Response:
        return await _register(service, request)

    async def login(request: Request) -> Response:
        return await _login(service, request)

    async def refresh(request: Request) -> Response:
        return await _refresh(service, request)

    async def logout(request: Request) -> Response:
        return await _logout(service, request)

    return [
        Route("/register", register, methods=["POST"]),
        Route("/login", login, methods=["POST"]),
        Route("/refresh", refresh, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
    ]


async def _register(service: Service, request: Request) -> Response:
    body = await read_json_bytes(request, max_bytes=MAX_BODY_BYTES)
    new = parse_json(body, Registration)
    handles = new.handles()
    password = acceptable_password(service.means.policy, new.password)
    key, pace = service.registration_pace(request)
    await service.database.write(lambda session: keep_pace(session, service.means.now(), key, pace), on_snapshot=True)
    claimed = [NewIdentifier(each, await service.room.verifier(password, each.kind, each.value)) for each in handles]

    def act(session: Session) -> Answer:
        account = create_account(session, service.means, new.name, claimed)
        shown = [{"kind": each.kind.value, "shown": mask(each)} for each in handles]
        return Answer(201, {"sub": account.id, "name": new.name, "assurance": "1", "identifiers": shown}, _NO_STORE)

    # A new account leans on no other, whoever claims the same identifiers.
    attempt = attempt_of(request, body, caller=None)
    answer = await service.once.write(service.database, attempt, act, on_snapshot=True)
    return answer.response()


async def _login(service: Service, request: Request) -> Response:
    body = await read_json(request, Login, max_bytes=MAX_BODY_BYTES)
    handle = recognised(body.identifier)
    account_gate, address_gate = service.account_gate(handle), service.address_gate(request)
    # From here on, known and unknown people cost the same: one write, one hash, one read.
    await service.database.write(
        lambda session: enter(session, service.means.now(), account_gate, address_gate), on_snapshot=True
    )
    verifier = await service.room.verifier(body.password, handle.kind, handle.value)
    account_id = await service.database.read(lambda session: _account_id(service, session, handle, verifier))
    if account_id is None:
        raise wrong_credentials()
    device = clean_device(body.device) or device_name(request.headers.get("user-agent", ""))

    def act(session: Session) -> Response:
        # Looked up anew: the password may have been changed while we were away from the database.
        account = find_by_password(session, service.means, handle, verifier)
        if account is None:
            raise wrong_credentials()
        state = _open_state(session, account)
        forget(session, account_gate)
        forgive_one(session, address_gate)
        opened = open_session(session, service.means, account, device)
        notify(session, service.means, account, "new-sign-in", device)
        return _pair(service, account, opened, state)

    return await service.database.write(act)


async def _refresh(service: Service, request: Request) -> Response:
    body = await read_json(request, Refresh, max_bytes=MAX_BODY_BYTES)
    token = read_refresh_token(body.refresh_token)

    def act(session: Session) -> Response | Problem:
        device = find_genuine(session, service.means, token)
        if token is None or device is None:
            return session_over()
        verdict = use_refresh_token(session, service.means, device, token.generation)
        account = session.get_one(Account, device.account_id)
        if verdict is Verdict.OVER:
            return session_over()
        if verdict is Verdict.REPLAY:
            notify(session, service.means, account, "session-replayed", device.device)
            return _replayed()
        return _pair(service, account, device, _open_state(session, account))

    # Returned, not raised: ending a replayed session must be committed.
    outcome = await service.database.write(act)
    if isinstance(outcome, Problem):
        await service.feed.nudge()
        raise outcome
    return outcome


async def _logout(service: Service, request: Request) -> Response:
    caller = caller_of(request)
    body = await read_bounded(request, max_bytes=MAX_BODY_BYTES)
    token = read_refresh_token(parse_json(body, Refresh).refresh_token) if body.strip() else None
    if caller is None and not body.strip():
        raise session_over()

    def act(session: Session) -> None:
        named = [find_genuine(session, service.means, token)]
        if caller is not None and caller.session is not None:
            own = session.get(DeviceSession, caller.session)
            named.append(own if own and own.account_id == caller.subject else None)
        for device in named:
            if device is not None:
                end_session(session, service.means, device, "logout")

    # Already ended or never ours: the caller is signed out either way, and learns nothing else.
    await service.database.write(act)
    await service.feed.nudge()
    return Response(status_code=204, headers=_NO_STORE)


def wrong_credentials() -> Problem:
    """Build the one answer for an unknown account and for a wrong password."""
    return Problem(
        401,
        "wrong-credentials",
        Text("Tidak dapat masuk", "Cannot sign in"),
        Text(
            "NIK, e-mail, nomor telepon, atau kata sandi tidak cocok. Periksa lalu coba lagi.",
            "The NIK, e-mail address, phone number or password does not match. Check and try again.",
        ),
        headers={"WWW-Authenticate": 'Bearer realm="tangerang-live"'},
    )


def _account_id(service: Service, session: Session, handle: Handle, verifier: str) -> str | None:
    account = find_by_password(session, service.means, handle, verifier)
    return account.id if account else None


def _open_state(session: Session, account: Account) -> AccountState:
    state = state_of(session, account.id)
    if state.status is not Status.OPEN:
        raise account_shut(state.status)
    return state


def _pair(service: Service, account: Account, device: DeviceSession, state: AccountState) -> Response:
    claims = access_claims(
        account,
        device,
        issuer=service.issuer,
        audience=service.audience,
        name=name_of(service.means, account),
        tier=state.tier,
        roles=state.roles,
        now=service.means.now(),
        lifetime_seconds=service.means.policy.access_token_seconds,
    )
    body = {
        "access_token": service.keys.sign(claims),
        "refresh_token": write_refresh_token(service.means.vault, device),
        "token_type": "Bearer",
        "expires_in": service.means.policy.access_token_seconds,
    }
    return json_response(body, headers=_NO_STORE)


def _replayed() -> Problem:
    problem = session_over()
    problem.code = "refresh-replayed"
    problem.detail = Text(
        "Token lama dipakai lagi, mungkin oleh orang lain. Demi keamanan sesi ini diakhiri; silakan masuk kembali.",
        "An old token was used again, perhaps by someone else. For safety this session was ended; sign in again.",
    )
    return problem
