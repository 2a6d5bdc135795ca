"""Which reports belong together, and what is known of a caller's number: questions to the database.

A group only shows reports beside each other. Every report stays an incident of its own until an operator joins two.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from math import cos, radians

from sqlalchemy import Row, and_, select
from sqlalchemy.orm import Session

from services.emergency.catalogue import Kind, SuspicionRules
from services.emergency.machine import Status
from services.emergency.ranking import CallerHistory
from services.emergency.tables import Incident
from services.kit.places import distance_m

_METRES_PER_DEGREE = 111_000
_CANDIDATES = 20  # the latest in the box; one of them is near enough
_REMEMBERED_REPORTS = 200
_KEY_LENGTH = 80


def landmark_key(landmark: str) -> str:
    """Reduce a landmark to what two people would both write: letters and digits in lower case."""
    return " ".join(re.findall(r"\w+", landmark.lower()))[:_KEY_LENGTH] or "-"


def group_of(session: Session, kind: Kind, incident: Incident) -> int:
    """Return the group of the nearest recent report of this kind; 0 when there is none."""
    recent = [
        Incident.kind == kind.code,
        Incident.received_at >= incident.received_at - kind.group_within,
        Incident.received_at <= incident.received_at,
    ]
    if incident.lat is None or incident.lon is None:
        same_words = select(Incident.group).where(*recent, Incident.landmark_key == incident.landmark_key)
        return session.scalar(same_words.order_by(Incident.received_at.desc()).limit(1)) or 0
    lat, lon, reach = incident.lat, incident.lon, kind.group_metres / _METRES_PER_DEGREE
    # A box the index can answer, then the true distance. Near the poles the box is simply everything.
    wide = reach / max(0.01, cos(radians(lat)))
    inside = and_(Incident.lat.between(lat - reach, lat + reach), Incident.lon.between(lon - wide, lon + wide))
    statement = select(Incident.group, Incident.lat, Incident.lon).where(*recent, inside)
    found = session.execute(statement.order_by(Incident.received_at.desc()).limit(_CANDIDATES)).all()
    near = [(distance_m(lat, lon, row.lat, row.lon), row[0]) for row in found]
    return min([pair for pair in near if pair[0] <= kind.group_metres], default=(0.0, 0))[1]


def founder_of(session: Session, incident: Incident) -> Row[str, bool]:
    """Return callback and `is_corroborated` of the report that founded the group.

    As long as the founder stands alone, every report of the group came from the founder's number.
    """
    return session.execute(
        select(Incident.callback, Incident.is_corroborated).where(Incident.serial == incident.group)
    ).one()


def still_alone(session: Session, incident: Incident) -> Sequence[Incident]:
    """Return the reports of the group that nobody had confirmed until now."""
    alone = and_(Incident.group == incident.group, Incident.is_corroborated.is_(False))
    return session.scalars(select(Incident).where(alone)).all()


def history_of(session: Session, rules: SuspicionRules, incident: Incident) -> CallerHistory:
    """Count what this number has done before."""
    recently = incident.received_at - timedelta(minutes=rules.many_reports_minutes)
    remembered = incident.received_at - timedelta(days=rules.untrue_before_days)
    statement = (
        select(Incident.state, Incident.received_at, Incident.lat, Incident.lon)
        .where(Incident.callback == incident.callback, Incident.received_at >= remembered)
        .order_by(Incident.received_at.desc())
        .limit(_REMEMBERED_REPORTS)
    )
    earlier = session.execute(statement).all()
    recent = [row for row in earlier if row.received_at >= recently]
    return CallerHistory(
        untrue_before=sum(row.state == Status.UNTRUE for row in earlier),
        recent_reports=len(recent),
        was_far_away=any(_is_far(incident, row.lat, row.lon, rules.far_apart_km) for row in recent),
    )


def _is_far(incident: Incident, lat: float | None, lon: float | None, far_km: float) -> bool:
    if incident.lat is None or incident.lon is None or lat is None or lon is None:
        return False
    return distance_m(incident.lat, incident.lon, lat, lon) > far_km * 1000
