"""The parts of the running service that its endpoints work with, and the few things they all need to ask."""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address

from sqlalchemy.orm import Session
from starlette.requests import Request

from services.identity.accounts import Means, handle_of, identifiers_of, state_of
from services.identity.identifiers import Handle
from services.identity.machine import AccountState, Status
from services.identity.passwords import HashingRoom
from services.identity.population import PopulationRegister
from services.identity.postman import Postman
from services.identity.revocations import RevocationFeed
from services.identity.signing import SigningKeys
from services.identity.tables import Account, DeviceSession
from services.identity.throttle import Gate, Pace, account_rule, address_rule, enter, forget
from services.kit.assertion import Caller, not_authenticated, require_caller
from services.kit.database import Database
from services.kit.idempotency import OnceOnly
from services.kit.problem import FieldError, Problem, Text, forbidden


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that lives as long as the process."""

    database: Database
    means: Means
    keys: SigningKeys
    room: HashingRoom
    feed: RevocationFeed
    postman: Postman
    register: PopulationRegister
    once: OnceOnly
    issuer: str
    audience: str

    def account_gate(self, handle: Handle) -> Gate:
        """Return the counter of failed sign-ins with this identifier, whoever has it."""
        key = self.means.vault.mac("throttle", "identifier", handle.kind.value, handle.value)
        return Gate(key, account_rule(self.means.policy))

    def address_gate(self, request: Request) -> Gate:
        """Return the counter of failures from the caller's network address."""
        key = self.means.vault.mac("throttle", "address", client_address(request))
        return Gate(key, address_rule(self.means.policy))

    def password_gate(self, account_id: str) -> Gate:
        """Return the counter of wrong passwords typed within a signed-in session."""
        return Gate(self.means.vault.mac("throttle", "password", account_id), account_rule(self.means.policy))

    async def told(self) -> None:
        """Send on what a transaction has left to be sent: revocations to gateways, messages to people."""
        self.postman.nudge()
        await self.feed.nudge()

    def registration_pace(self, request: Request) -> tuple[str, Pace]:
        """Return the counter of new accounts from the caller's network address."""
        key = self.means.vault.mac("throttle", "registrations", client_address(request))
        return key, Pace(self.means.policy.registrations_per_address_hour, timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The caller's own account, as the transaction sees it."""

    caller: Caller
    account: Account
    device: DeviceSession
    state: AccountState


def signed_in(session: Session, caller: Caller) -> SignedIn:
    """Return the caller's account, or 401 when its session is over: the gateway may not know it yet."""
    account = session.get(Account, caller.subject)
    device = session.get(DeviceSession, caller.session) if caller.session else None
    if account is None or device is None or device.account_id != account.id or device.ended_at is not None:
        raise session_over()
    state = state_of(session, account.id)
    if state.status is not Status.OPEN:
        raise account_shut(state.status)
    return SignedIn(caller, account, device, state)


async def confirm_password(service: Service, caller: Caller, password: str, field: str = "password") -> str | None:
    """Make sure that who holds the phone also knows the password; 403 when not, 429 after too many tries.

    Return the verifier found, to see later whether the password is still the same; None for an account that lost
    its every identifier, and so has no password left to ask for.
    """
    gate = service.password_gate(caller.subject)

    def begin(session: Session) -> tuple[Handle, str] | None:
        own = signed_in(session, caller)
        enter(session, service.means.now(), gate)
        rows = identifiers_of(session, own.account.id)
        return (handle_of(service.means, rows[0]), rows[0].verifier) if rows else None

    asked = await service.database.write(begin)
    verifier = None
    if asked is not None:
        handle, expected = asked
        verifier = await service.room.verifier(password, handle.kind, handle.value)
        if not hmac.compare_digest(verifier, expected):
            raise wrong_password(field)
    await service.database.write(lambda session: forget(session, gate))
    return verifier


def require_officer(session: Session, request: Request, *roles: str) -> SignedIn:
    """Return the caller if the account itself holds one of these roles now, whatever its token said."""
    officer = signed_in(session, require_caller(request))
    if officer.state.roles.isdisjoint(roles):
        raise forbidden("Hanya untuk petugas yang ditunjuk.", "Only for the officers in charge.")
    return officer


def client_address(request: Request) -> str:
    """Return the address the gateway saw; what a client wrote in front of it is not believed.

    Of IPv6 the network counts, for one household has 2**64 addresses.
    """
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
    text = forwarded or (request.client.host if request.client else "-")
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False))


def wrong_password(field: str) -> Problem:
    """Build the 403 for a password typed wrong within a session."""
    wrong = Text("Kata sandi tidak cocok.", "The password is wrong.")
    title = Text("Kata sandi tidak cocok", "Wrong password")
    return Problem(403, "wrong-password", title, wrong, errors=[FieldError(field, wrong, "wrong")])


def session_over() -> Problem:
    """Build the 401 of a session that was ended."""
    problem = not_authenticated(
        "Sesi Anda berakhir. Silakan masuk kembali.", "Your session has ended. Please sign in again."
    )
    problem.code = "session-over"
    return problem


def account_shut(status: Status) -> Problem:
    """Build the 403 of a blocked account; a closed one is like none."""
    if status is Status.CLOSED:
        return session_over()
    problem = forbidden(
        "Akun ini sedang diblokir. Data Anda aman. Hubungi Diskominfo Kota Tangerang.",
        "This account is blocked. Your data is safe. Contact Diskominfo Kota Tangerang.",
    )
    problem.code = "account-blocked"
    return problem
