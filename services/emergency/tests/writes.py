"""What the durability proof writes to this service."""

from sqlalchemy import select

from services.emergency.tables import Incident, IncidentEvent
from services.kit.testing_kill import Writes

WRITES = Writes(
    module="services.emergency",
    path="/incidents",
    body=lambda number: {
        "kind": "fire",
        "callback": f"0812{number:07d}",
        "lat": -6.168 + number % 40 * 0.001,
        "lon": 106.594 + number // 40 % 40 * 0.001,
    },
    headers=lambda _issuer, _number: {},  # 112 needs no account
    name="id",
    kept=select(Incident.id),
    told=select(Incident.id).join(IncidentEvent),
)
