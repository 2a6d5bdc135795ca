"""Puts the permits service together; the only place that constructs its parts."""

from pathlib import Path

from starlette.applications import Starlette

from services.kit.app import build_app
from services.kit.assertion import AssertionVerifier
from services.kit.clock import Now, utc_now
from services.kit.database import Database, migrate, open_engine
from services.kit.idempotency import OnceOnly
from services.kit.logs import make_logger
from services.kit.settings import Option, Settings
from services.kit.uploads import FileStore
from services.kit.workdays import load_calendar
from services.permits.applications import Applications
from services.permits.bank_signature import CALLBACK_PATH, INQUIRY_PATH, open_secret
from services.permits.catalogue import load_catalogue
from services.permits.desk import Desk
from services.permits.expiry import expiring
from services.permits.inbox import Inbox
from services.permits.issuing import Press
from services.permits.office import Office
from services.permits.openapi.document import build_document
from services.permits.payments import Payments
from services.permits.public import Public
from services.permits.signing import open_demo_signer
from services.permits.tables import IDEMPOTENCY_KEYS

NAME = "permits"
OPTIONS = (
    Option("public-url", "", "address printed on permits (default: the gateway's issuer)"),
    Option("signing-dir", "", "folder of the signing keys (default: signing in the data folder)"),
    Option("bank-secret-file", "", "secret shared with the bank (default: bank-secret in the data folder)"),
)
MIGRATIONS = Path(__file__).with_name("migrations")


def make_app(settings: Settings, *, verifier: AssertionVerifier | None = None, now: Now = utc_now) -> Starlette:
    """Migrate the database and build the application; `verifier` and `now` are given by tests."""
    migrate(settings.database_url, MIGRATIONS)
    database = Database(open_engine(settings.database_url))
    log = make_logger(NAME)
    office = Office(
        database=database,
        files=FileStore(settings.data_dir / "documents"),
        catalogue=load_catalogue(),
        calendar=load_calendar(),
        once=OnceOnly(IDEMPOTENCY_KEYS, now=now),
        now=now,
    )
    press = Press(
        signer=open_demo_signer(_folder(settings, "signing-dir", "signing"), now()),
        files=FileStore(settings.data_dir / "permits"),
        public_url=settings.extra["public-url"] or settings.gateway_issuer,
    )
    payments = Payments(office, open_secret(_folder(settings, "bank-secret-file", "bank-secret")))
    routes = [
        *Public(office, press).routes(),
        *Applications(office, press).routes(),
        *Inbox(office).routes(),
        *Desk(office, press).routes(),
        *payments.routes(),
    ]
    return build_app(
        name=NAME,
        routes=routes,
        verifier=verifier or AssertionVerifier(settings.gateway_jwks_url, settings.gateway_issuer, NAME, now=now),
        database=database,
        openapi=build_document(office.catalogue, office.calendar),
        lifespan=[expiring(office, log)],
        leftovers=[office.once.leftovers],
        open_paths=[INQUIRY_PATH, CALLBACK_PATH],
        log=log,
    )


def _folder(settings: Settings, option: str, default: str) -> Path:
    return Path(settings.extra[option] or settings.data_dir / default)
