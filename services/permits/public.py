"""What anybody may read: the catalogue, and whether a permit is genuine."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit.etag import conditional_json
from services.kit.inputs import single_values
from services.kit.paging import page_of
from services.kit.problem import not_found
from services.permits import views
from services.permits.issuing import Press
from services.permits.office import Office
from services.permits.store import open_case
from services.permits.tables import Application

_CATALOGUE_CACHE = "public, max-age=600, stale-while-revalidate=60, stale-if-error=86400"


class Public:
    """Endpoints without sign-in."""

    def __init__(self, office: Office, press: Press) -> None:
        self._office = office
        self._certificates = press.signer.certificates
        catalogue = office.catalogue
        self._summaries = [views.type_summary(kind, catalogue) for kind in catalogue.kinds.values()]

    def routes(self) -> list[Route]:
        return [
            Route("/types", self.types, methods=["GET"]),
            Route("/types/{code}", self.type, methods=["GET"]),
            Route("/verify/{number}", self.verify, methods=["GET"]),
            Route("/signing-certificates", self.certificates, methods=["GET"]),
        ]

    async def types(self, request: Request) -> Response:
        page = page_of(request, self._summaries, filters=["code", "technical_agency"], sorts=["code"])
        return conditional_json(request, page, cache_control=_CATALOGUE_CACHE)

    async def type(self, request: Request) -> Response:
        single_values(request, allowed=())
        kind = self._office.catalogue.kinds.get(request.path_params["code"])
        if kind is None:
            raise not_found("Jenis izin ini tidak ada.", "There is no such type of permit.")
        return conditional_json(
            request, views.type_detail(kind, self._office.catalogue), cache_control=_CATALOGUE_CACHE
        )

    async def verify(self, request: Request) -> Response:
        """Confirm a permit by its number, which stands on it; the holder's name is masked."""
        single_values(request, allowed=())
        number = request.path_params["number"]

        def read(session: Session) -> dict[str, Any]:
            found = session.scalar(select(Application.id).where(Application.number == number))
            opened = open_case(session, found) if found else None
            # A number is reserved before its permit is signed; until then there is nothing to confirm.
            if opened is None or opened.case.permit is None:
                raise not_found("Tidak ada izin dengan nomor ini.", "No permit has this number.")
            kind = self._office.kind(opened.row.kind)
            return views.verification(opened.row, opened.case, kind, self._office.catalogue, self._office.now())

        return conditional_json(request, await self._office.database.read(read), cache_control="no-cache")

    async def certificates(self, request: Request) -> Response:
        """Serve the certificates that verify the signature on a permit, the root first."""
        single_values(request, allowed=())
        headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
        return Response(self._certificates, headers=headers, media_type="application/x-pem-file")
