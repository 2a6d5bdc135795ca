"""What the durability proof writes to this service."""

from sqlalchemy import select

from services.kit.testing_kill import Writes
from services.permits.tables import Application, CaseEvent
from services.permits.tests.conftest import REKLAME

WRITES = Writes(
    module="services.permits",
    path="/applications",
    body=lambda _number: {"type": "reklame", "details": REKLAME},
    headers=lambda issuer, number: issuer.headers(f"citizen-{number}", name="Warga"),
    name="id",
    kept=select(Application.id),
    told=select(Application.id).join(CaseEvent),
)
