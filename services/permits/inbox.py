"""The inbox: what happened to somebody's applications without their doing. The events themselves, read once more."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit.assertion import require_caller
from services.kit.etag import json_response
from services.kit.paging import Listing, since
from services.permits import views
from services.permits.office import Office
from services.permits.tables import Application, CaseEvent
from services.permits.texts import NOTIFIED

NOTIFICATIONS = Listing(
    sorts={"at": CaseEvent.at}, tie=CaseEvent.id, default_sort="-at", filters={"since": since(CaseEvent.at)}
)


class Inbox:
    """The endpoint that the home page of every citizen asks."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def routes(self) -> list[Route]:
        return [Route("/notifications", self.notifications, methods=["GET"])]

    async def notifications(self, request: Request) -> Response:
        """List what happened to the caller's applications without their doing, newest first."""
        caller = require_caller(request)
        page = NOTIFICATIONS.read(request)

        def read(session: Session) -> dict[str, Any]:
            statement = (
                select(CaseEvent)
                .join(CaseEvent.application)
                .options(contains_eager(CaseEvent.application))
                .where(Application.owner == caller.subject, CaseEvent.kind.in_(NOTIFIED))
            )
            rows = session.scalars(page.apply(statement)).all()
            return page.answer(rows, lambda row: views.notification(row, self._office.kind(row.application.kind)))

        return json_response(await self._office.database.read(read), headers={"Cache-Control": "private, no-store"})
