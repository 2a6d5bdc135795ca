"""Which officer may see and act on which case, and what they see of it.

The technical assessment belongs to the agency the catalogue names, everything else to the office itself. Nobody
decides on an application of their own, or on one that lies on a colleague's desk.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import Session
from starlette.requests import Request

from services.kit.assertion import Caller, require_caller
from services.kit.etag import check_if_match, etag_of
from services.kit.problem import conflict, forbidden, not_found
from services.permits import views
from services.permits.machine import AWAITING_OFFICE, State, possible
from services.permits.office import Office
from services.permits.store import Opened, open_case
from services.permits.tables import Application

_ROLE = "officer:"


@dataclass(frozen=True, slots=True)
class Officer:
    """Someone who holds the role `officer:<agency>` of at least one agency."""

    caller: Caller
    agencies: frozenset[str]

    @property
    def subject(self) -> str:
        """Return the officer's pseudonym."""
        return self.caller.subject


def officer_of(request: Request) -> Officer:
    """Return the calling officer; a 401 or 403 Problem for anyone else."""
    caller = require_caller(request)
    agencies = frozenset(role.removeprefix(_ROLE) for role in caller.roles if role.startswith(_ROLE))
    if not agencies:
        raise forbidden("Hanya untuk petugas yang ditunjuk.", "Only for the officers in charge.")
    return Officer(caller, agencies)


class DeskAccess:
    """Opens cases for officers."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def open(self, session: Session, request: Request, officer: Officer, *, to_change: bool = False) -> Opened:
        """Open the case in the path: submitted once, and of the office or the officer's technical agency."""
        opened = open_case(session, request.path_params["id"], to_change=to_change)
        involved = {self._office.catalogue.office, self._office.kind(opened.row.kind).technical_agency}
        if opened.case.submitted_at is None or officer.agencies.isdisjoint(involved):
            raise not_found("Permohonan tidak ditemukan.", "There is no such application.")
        return opened

    def work(self, session: Session, request: Request, officer: Officer) -> Opened:
        """Open the case in the path for an act: 403 when it is not this officer's to do, 409 when taken."""
        opened = self.open(session, request, officer, to_change=True)
        if opened.row.owner == officer.subject:
            raise forbidden("Ini permohonan Anda sendiri.", "This application is your own.")
        if self._responsible(opened) not in officer.agencies:
            raise forbidden("Tahap ini tugas dinas lain.", "This step is another agency's.")
        if opened.case.assignee not in (None, officer.subject):
            raise conflict("taken-by-another", "Sedang dikerjakan petugas lain.", "Another officer works on it.")
        check_if_match(request, self.view(opened, officer)[1])
        return opened

    def view(self, opened: Opened, officer: Officer) -> tuple[dict[str, Any], str]:  # Any: JSON
        """Return what an officer sees of a case, and its validator."""
        row, case, office = opened.row, opened.case, self._office
        body = views.application_detail(opened, office.kind(row.kind), office.catalogue, office.calendar, office.now())
        body["assigned"] = _assigned(opened, officer)
        body["responsible"] = self._responsible(opened)
        body["possible"] = [kind.value for kind in possible(case.state)]
        return body, etag_of("desk", row.id, case.version, body["assigned"], body["promise"]["late"])

    def summary(self, opened: Opened, officer: Officer) -> dict[str, Any]:  # Any: JSON
        """Return the line of a case in the officers' list."""
        kind = self._office.kind(opened.row.kind)
        return {**views.application_summary(opened, kind), "assigned": _assigned(opened, officer)}

    def may_see(self, officer: Officer) -> ColumnElement[bool]:
        """Select the cases an officer may see."""
        submitted = Application.submitted_at.is_not(None)
        if self._office.catalogue.office in officer.agencies:
            return submitted
        return and_(submitted, Application.kind.in_(self._kinds_of(officer)))

    def is_work_of(self, officer: Officer) -> ColumnElement[bool]:
        """Select the cases whose present step is this officer's to do, and which are not their own."""
        foreign = Application.owner != officer.subject
        technical = State.PENILAIAN_TEKNIS.value
        work = and_(foreign, Application.state == technical, Application.kind.in_(self._kinds_of(officer)))
        if self._office.catalogue.office not in officer.agencies:
            return work
        own = and_(foreign, Application.state.in_(sorted(AWAITING_OFFICE - {State.PENILAIAN_TEKNIS})))
        return or_(work, own)

    def _responsible(self, opened: Opened) -> str:
        if opened.case.state is State.PENILAIAN_TEKNIS:
            return self._office.kind(opened.row.kind).technical_agency
        return self._office.catalogue.office

    def _kinds_of(self, officer: Officer) -> list[str]:
        kinds = self._office.catalogue.kinds.values()
        return [kind.code for kind in kinds if kind.technical_agency in officer.agencies]


def _assigned(opened: Opened, officer: Officer) -> str | None:
    if opened.case.assignee is None:
        return None
    return "me" if opened.case.assignee == officer.subject else "other"
