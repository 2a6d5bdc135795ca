"""Time as the city tells it: instants are aware UTC inside, and shown in WIB (UTC+7, no daylight saving).

Nothing here reads the clock by itself except `utc_now`, which is passed around as a `Now`.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

Now = Callable[[], datetime]

WIB = timezone(timedelta(hours=7), "WIB")

_MONTHS = (
    *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
    *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
)


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


def wib_date(instant: datetime) -> date:
    """Return the calendar day in Tangerang at this instant."""
    return instant.astimezone(WIB).date()


def indonesian_date(day: date) -> str:
    """Write a day as citizens read it: `23 Mei 2023`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def indonesian_date_time(instant: datetime) -> str:
    """Write an instant as citizens read it: `23 Mei 2023 pukul 14.30 WIB`."""
    local = instant.astimezone(WIB)
    return f"{indonesian_date(local.date())} pukul {local:%H.%M} WIB"


def iso(instant: datetime) -> str:
    """Write an instant for machines: RFC 3339 with the city's offset, whole seconds."""
    return instant.astimezone(WIB).isoformat(timespec="seconds")
