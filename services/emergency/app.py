"""The composition of 112: the only place that constructs its parts."""

from pathlib import Path

from starlette.applications import Starlette
from structlog.typing import FilteringBoundLogger

from services.emergency import board, following, intake, notifications, public
from services.emergency.answers import FIRST
from services.emergency.catalogue import load_catalogue
from services.emergency.changes import Changes, Follower
from services.emergency.commits import SharedCommits
from services.emergency.ledger import Ledger
from services.emergency.openapi import document
from services.emergency.service import Service
from services.emergency.tables import IDEMPOTENCY_KEYS
from services.kit.app import build_app
from services.kit.assertion import AssertionVerifier
from services.kit.clock import Now, utc_now
from services.kit.database import Database, migrate, open_engine
from services.kit.idempotency import OnceOnly
from services.kit.logs import make_logger
from services.kit.settings import Settings

NAME = "emergency"
DEFAULT_PORT = 8104
MIGRATIONS = Path(__file__).with_name("migrations")


def compose(
    settings: Settings,
    *,
    now: Now = utc_now,
    verifier: AssertionVerifier | None = None,
    log: FilteringBoundLogger | None = None,
) -> Starlette:
    """Build the service from its settings; tests turn the clock and bring their own gateway."""
    migrate(settings.database_url, MIGRATIONS)
    database = Database(open_engine(settings.database_url))
    logger, catalogue, changes = log or make_logger(NAME), load_catalogue(), Changes()
    service = Service(
        database=database,
        catalogue=catalogue,
        ledger=Ledger(catalogue, now),
        once=OnceOnly(IDEMPOTENCY_KEYS, now=now),
        changes=changes,
        commits=SharedCommits(database),
        now=now,
    )
    follower = Follower(database, changes, logger)
    return build_app(
        name=NAME,
        routes=[route for page in (intake, following, public, notifications, board) for route in page.routes(service)],
        verifier=verifier or AssertionVerifier(settings.gateway_jwks_url, settings.gateway_issuer, NAME),
        database=database,
        openapi=document(),
        lifespan=[follower.following],
        leftovers=[service.once.leftovers],
        refuse_bad_assertion=False,  # an expired sign-in is no reason to refuse an emergency
        problem_members=FIRST,
        log=logger,
        on_drain=[changes.close],
        state={"service": service, "follower": follower},
    )
