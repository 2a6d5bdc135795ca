"""The composition of the complaints service: the only place that constructs its parts."""

from pathlib import Path

from starlette.applications import Starlette
from structlog.typing import FilteringBoundLogger

from services.complaints import balance, desk, intake, notifications, own_reports, public
from services.complaints.catalogue import load_catalogue
from services.complaints.clocks import load_clocks
from services.complaints.ledger import Ledger
from services.complaints.openapi import document
from services.complaints.photos import PhotoRoom
from services.complaints.service import Service
from services.complaints.tables import IDEMPOTENCY_KEYS
from services.complaints.vault import open_vault
from services.complaints.watch import Watch
from services.kit.app import build_app
from services.kit.assertion import AssertionVerifier
from services.kit.clock import Now, utc_now
from services.kit.database import Database, migrate, open_engine
from services.kit.idempotency import OnceOnly
from services.kit.logs import make_logger
from services.kit.settings import Option, Settings
from services.kit.workdays import load_calendar

NAME = "complaints"
DEFAULT_PORT = 8103
MIGRATIONS = Path(__file__).with_name("migrations")
OPTIONS = (Option("watch-seconds", "30", "how often the clocks are looked after"),)


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
    logger = log or make_logger(NAME)
    ledger = Ledger(load_clocks(load_calendar()), now)
    watch = Watch(database, ledger, every_seconds=float(settings.extra["watch-seconds"]), log=logger)
    service = Service(
        database=database,
        catalogue=load_catalogue(),
        ledger=ledger,
        vault=open_vault(settings.data_dir),
        photos=PhotoRoom(settings.data_dir),
        once=OnceOnly(IDEMPOTENCY_KEYS, now=now),
        now=now,
    )
    pages = (intake, own_reports, public, balance, notifications, desk)
    return build_app(
        name=NAME,
        routes=[route for page in pages for route in page.routes(service)],
        verifier=verifier or AssertionVerifier(settings.gateway_jwks_url, settings.gateway_issuer, NAME),
        database=database,
        openapi=document(),
        lifespan=[watch.running],
        leftovers=[service.once.leftovers],
        log=logger,
        state={"service": service, "watch": watch},
    )
