"""What the durability proof writes to this service."""

from sqlalchemy import select

from services.identity.tables import Account, AccountEvent
from services.identity.tests.conftest import PASSWORD
from services.kit.testing_kill import Writes

WRITES = Writes(
    module="services.identity.tests.cheap",
    path="/register",
    body=lambda number: {"name": "Warga", "password": PASSWORD, "email": f"w{number}@example.test"},
    # Each from an address of its own: one address registers only so many an hour.
    headers=lambda _issuer, number: {"X-Forwarded-For": f"2001:db8:{number:x}::1"},
    name="sub",
    kept=select(Account.id),
    told=select(Account.id).join(AccountEvent),
)
