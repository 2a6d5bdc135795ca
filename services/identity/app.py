"""The composition of the identity service: the only place that constructs its parts."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from structlog.typing import FilteringBoundLogger

from services.identity import discovery, leaving, notices, offices, own_account, proofs, recovery, sign_in, tiers
from services.identity.accounts import Means
from services.identity.openapi import document
from services.identity.passwords import HashingRoom
from services.identity.policy import Policy, load_policy
from services.identity.population import PopulationRegister, open_register
from services.identity.postman import Postman
from services.identity.revocations import RevocationFeed
from services.identity.senders import Sender, open_sender
from services.identity.service import Service
from services.identity.signing import SigningKeys
from services.identity.tables import IDEMPOTENCY_KEYS
from services.identity.throttle import forgotten
from services.identity.vault import open_vault
from services.kit.app import build_app
from services.kit.assertion import AssertionVerifier
from services.kit.clock import Now, utc_now
from services.kit.database import Database, migrate, open_engine
from services.kit.idempotency import OnceOnly
from services.kit.logs import make_logger
from services.kit.settings import Option, Settings

NAME = "identity"
DEFAULT_PORT = 8101
MIGRATIONS = Path(__file__).with_name("migrations")
OPTIONS = (
    Option("issuer", "", "`iss` of the tokens it signs: its own public address; by default http://HOST:PORT"),
    Option("audience", "tangerang-live", "`aud` of the tokens it signs"),
    Option("mail-url", "console:", "how e-mail leaves: console:, smtp://relay:25, smtps:, smtp+starttls:"),
    Option("mail-from", "Tangerang LIVE <no-reply@example.go.id>", "sender of e-mail"),
    Option("sms-url", "console:", "how SMS leaves: console: or the provider's http(s) address"),
    Option("sms-token", "", "bearer token for the SMS provider; better set by the variable"),
    Option("population-url", "example:", "the population register: example: for invented people, or http(s)"),
    Option("population-token", "", "bearer token for the population register; better set by the variable"),
)


def keys_folder(settings: Settings) -> Path:
    """Return where the signing keys and the root secret lie."""
    return settings.data_dir / "keys"


def means_of(settings: Settings, *, now: Now = utc_now, policy: Policy | None = None) -> Means:
    """Open what commands and the service share; makes the root secret at first start."""
    return Means(now, open_vault(keys_folder(settings)), policy or load_policy())


def prepared_engine(settings: Settings) -> Engine:
    """Bring the schema up to date and open the database."""
    migrate(settings.database_url, MIGRATIONS)
    return open_engine(settings.database_url)


def _senders(settings: Settings) -> Mapping[str, Sender]:
    def sender(channel: str, option: str) -> Sender:
        try:
            return open_sender(
                channel,
                settings.extra[option],
                mail_from=settings.extra["mail-from"],
                token=settings.extra["sms-token"],
            )
        except ValueError as exc:
            sys.exit(f"{NAME}: --{option}: {exc}")

    return {"email": sender("email", "mail-url"), "sms": sender("sms", "sms-url")}


@asynccontextmanager
async def _closing(register: PopulationRegister) -> AsyncIterator[None]:
    yield
    await register.close()


def _routes(service: Service) -> list[BaseRoute]:
    parts = (sign_in, own_account, proofs, recovery, leaving, notices, offices, discovery)
    return [*tiers.routes(), *(route for part in parts for route in part.routes(service))]


def compose(
    settings: Settings,
    *,
    now: Now = utc_now,
    policy: Policy | None = None,
    verifier: AssertionVerifier | None = None,
    senders: Mapping[str, Sender] | None = None,
    register: PopulationRegister | None = None,
    log: FilteringBoundLogger | None = None,
    delivers: bool = True,
) -> Starlette:
    """Build the service from its settings; tests turn the clock, bring their own gateway and carry the post."""
    means = means_of(settings, now=now, policy=policy)
    database = Database(prepared_engine(settings))
    feed = RevocationFeed(database, now)
    logger = log or make_logger(NAME)
    postman = Postman(database, means, senders or _senders(settings), logger)
    population = register or open_register(settings.extra["population-url"], settings.extra["population-token"])
    service = Service(
        database=database,
        means=means,
        keys=SigningKeys(keys_folder(settings), now),
        room=HashingRoom(means.policy, means.vault),
        feed=feed,
        postman=postman,
        register=population,
        once=OnceOnly(IDEMPOTENCY_KEYS, now=now),
        issuer=settings.extra["issuer"] or f"http://{settings.host}:{settings.port}",
        audience=settings.extra["audience"],
    )
    return build_app(
        name=NAME,
        routes=_routes(service),
        verifier=verifier or AssertionVerifier(settings.gateway_jwks_url, settings.gateway_issuer, NAME),
        database=database,
        openapi=document(),
        lifespan=[feed.running, *([postman.running] if delivers else []), lambda: _closing(population)],
        leftovers=[service.once.leftovers, forgotten(means.policy, now)],
        open_paths=[discovery.KEYS_PATH, discovery.REVOCATIONS_PATH],
        log=logger,
        state={"service": service},
        on_drain=[feed.close],
    )
