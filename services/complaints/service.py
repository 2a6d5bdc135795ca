"""The parts of the running service that its endpoints work with, and who may see which report."""

from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.requests import Request

from services.complaints.catalogue import DESK_AGENCY, Catalogue
from services.complaints.ledger import Case, Ledger
from services.complaints.photos import PhotoRoom
from services.complaints.tables import REPORTER, VaultEntry
from services.complaints.tickets import is_secret_of, normalise_ticket
from services.complaints.vault import Vault
from services.kit.assertion import Caller, caller_of, not_authenticated
from services.kit.clock import Now
from services.kit.database import Database
from services.kit.idempotency import OnceOnly
from services.kit.problem import Problem, not_found

SECRET_HEADER = "X-Ticket-Secret"  # noqa: S105 - a header's name
DESK_ROLE = f"officer:{DESK_AGENCY}"


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that lives as long as the process."""

    database: Database
    catalogue: Catalogue
    ledger: Ledger
    vault: Vault
    photos: PhotoRoom
    once: OnceOnly
    now: Now


@dataclass(frozen=True, slots=True)
class Claimant:
    """Someone who says a report is theirs: by sign-in, by the ticket's secret, or both."""

    caller: Caller | None
    secret: str | None
    ticket: str | None

    @property
    def idempotency_name(self) -> str | None:
        """Return what keeps this claimant's Idempotency-Keys apart from others'."""
        return self.caller.subject if self.caller and not self.secret else self.secret


def claimant_of(request: Request) -> Claimant:
    """Read who asks for the report in the path."""
    ticket = normalise_ticket(request.path_params["ticket"])
    return Claimant(caller_of(request), request.headers.get(SECRET_HEADER), ticket)


def own_case(service: Service, session: Session, claimant: Claimant) -> Case:
    """Return the claimant's report; what is not theirs is a 404 like what does not exist."""
    case = service.ledger.find(session, claimant.ticket)
    if case is not None and _is_theirs(service, session, case, claimant):
        return case
    raise _no_such_report(claimant)


def _is_theirs(service: Service, session: Session, case: Case, claimant: Claimant) -> bool:
    stored = case.report.secret_hash
    if claimant.secret is not None and stored is not None and is_secret_of(claimant.secret, stored):
        return True
    if claimant.caller is None:
        return False
    entry = session.get(VaultEntry, (case.report.serial, service.vault.person(claimant.caller.subject)))
    return entry is not None and entry.relation == REPORTER


def _no_such_report(claimant: Claimant) -> Problem:
    if claimant.caller is None and claimant.secret is None:
        return not_authenticated(
            f"Silakan masuk, atau sertakan kode rahasia tiket ({SECRET_HEADER}).",
            f"Sign in, or send the ticket's secret ({SECRET_HEADER}).",
        )
    return not_found(
        "Laporan tidak ditemukan, atau bukan milik Anda, atau kode rahasianya keliru.",
        "There is no such report, or it is not yours, or the secret is wrong.",
    )
