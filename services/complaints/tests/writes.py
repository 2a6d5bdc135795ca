"""What the durability proof writes to this service."""

from sqlalchemy import select

from services.complaints.tables import Report, ReportEvent
from services.kit.testing_kill import Writes

WRITES = Writes(
    module="services.complaints",
    path="/reports",
    body=lambda number: {
        "category": "roads",
        "description": f"Lubang besar nomor {number} di depan pasar, sudah dua motor jatuh.",
        "lat": -6.16812 + number % 50 * 0.0005,
        "lon": 106.59431,
    },
    headers=lambda _issuer, _number: {},  # signed in or not is all one to durability
    name="ticket",
    kept=select(Report.ticket),
    told=select(Report.ticket).join(ReportEvent),
)
