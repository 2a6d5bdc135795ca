"""Time as the city tells it: instants are aware UTC inside, and shown in WIB (UTC+7, no daylight saving).

Nothing here reads the clock by itself except `utc_now`, which is passed around as a `Now`.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

Now = Callable[[], datetime]

WIB = timezone(timedelta(hours=7), "WIB")

# RFC 3339 in capitals, which carries its offset; in these years none of them brings it outside the calendar.
INSTANT_PATTERN = (
    r"^[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$"
)

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


def parse_instant(text: str) -> datetime:
    """Read an instant as `INSTANT_PATTERN` describes it; a ValueError when it is none."""
    if not re.fullmatch(INSTANT_PATTERN, text, re.ASCII):
        raise ValueError("not an instant of RFC 3339")
    return datetime.fromisoformat(text)


def iso(instant: datetime) -> str:
    """Write an instant for machines: RFC 3339 with the city's offset, whole seconds."""
    return instant.astimezone(WIB).isoformat(timespec="seconds")
