"""The parts of the running service that its endpoints work with."""

from dataclasses import dataclass

from services.emergency.catalogue import Catalogue
from services.emergency.changes import Changes
from services.emergency.commits import SharedCommits
from services.emergency.ledger import Ledger
from services.kit.clock import Now
from services.kit.database import Database
from services.kit.idempotency import OnceOnly


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that lives as long as the process."""

    database: Database
    catalogue: Catalogue
    ledger: Ledger
    once: OnceOnly
    changes: Changes
    commits: SharedCommits
    now: Now
