"""What an officer's action must satisfy beyond the state machine, and what it brings about elsewhere."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.complaints.desk_actions import Action, FollowUp, Forward, HandBack, LinkDuplicate, Publish
from services.complaints.ledger import Case
from services.complaints.life import Status
from services.complaints.public import add_follower, reporter_of
from services.complaints.service import Service
from services.complaints.tables import Report
from services.kit.problem import FieldError, Problem, Text, conflict, unprocessable


def check_agencies(service: Service, action: Action) -> None:
    """Raise a 422 when the action names an agency that does not exist."""
    match action:
        case Forward():
            _check_agency(service, "agency", action.agency)
        case HandBack(suggestion=str(suggestion)):
            _check_agency(service, "suggestion", suggestion)


def check_action(service: Service, session: Session, case: Case, action: Action) -> None:
    """Raise the Problem that says why this action is not right for this report."""
    match action:
        case Publish():
            _check_publication(case, action)
        case LinkDuplicate():
            _check_link(session, case, action)
        case FollowUp():
            _check_evidence(service, case)


def tell_duplicate_reporter(service: Service, session: Session, case: Case, action: Action) -> None:
    """Let whoever reported a duplicate follow the report it was joined to."""
    if not isinstance(action, LinkDuplicate):
        return
    original = _report(session, action.of)
    person = reporter_of(session, case.report)
    if original is not None and person is not None:
        add_follower(service, session, original, person)


def _check_agency(service: Service, field: str, agency: str) -> None:
    if agency not in service.catalogue.agencies:
        known = ", ".join(service.catalogue.agencies)
        text = Text(f"OPD tidak dikenal. Yang ada: {known}.", f"No such agency. Known: {known}.")
        raise unprocessable(FieldError(field, text))


def _check_publication(case: Case, action: Publish) -> None:
    if case.report.is_confidential:
        raise conflict("confidential", "Laporan rahasia tidak diumumkan.", "A confidential report is never published.")
    if not set(action.photos) <= case.state.photos.keys():
        text = Text("Ada nomor foto yang tidak dimiliki laporan ini.", "The report has no photo of some number.")
        raise unprocessable(FieldError("photos", text))


def _check_link(session: Session, case: Case, action: LinkDuplicate) -> None:
    original = _report(session, action.of)
    if original is None or original.serial == case.report.serial:
        raise _bad_original("Laporan rujukan tidak ditemukan.", "There is no such report to refer to.")
    if original.is_confidential:
        # A reference would tell another reporter that the confidential report exists.
        raise _bad_original("Laporan rahasia tidak dapat dirujuk.", "A confidential report cannot be referred to.")
    if original.state == Status.DUPLICATE:
        root = original.duplicate_of
        raise _bad_original(f"Itu pun duplikat; rujuk ke {root}.", f"That is a duplicate itself; refer to {root}.")
    own = select(func.count()).select_from(Report).where(Report.duplicate_of == case.report.ticket)
    if session.scalar(own):
        raise conflict(
            "has-duplicates",
            "Laporan lain merujuk ke laporan ini. Pindahkan dulu rujukannya.",
            "Other reports refer to this one. Move them first.",
        )


def _check_evidence(service: Service, case: Case) -> None:
    category = service.catalogue.categories.get(case.report.category)
    if category is not None and category.needs_evidence and not case.state.has_after_photo:
        raise conflict(
            "evidence-required",
            "Unggah dulu foto sesudah perbaikan.",
            "Upload a photo of the finished work first.",
        )


def _report(session: Session, ticket: str) -> Report | None:
    return session.scalar(select(Report).where(Report.ticket == ticket))


def _bad_original(id: str, en: str) -> Problem:
    return unprocessable(FieldError("of", Text(id, en)))
