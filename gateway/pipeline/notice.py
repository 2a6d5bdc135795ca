"""Tells in words how old an answer is that stands in for an agency which fails, in the field `Tangerang-Notice`.

The value is a structured-field string (RFC 8941): plain ASCII between quotes, Indonesian or English as the reader asks.
Times are those of Tangerang (WIB, UTC+7, no summer time).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from gateway.fields import Field
from gateway.messages import Language

NAME: Final = b"tangerang-notice"

_WIB: Final = timezone(timedelta(hours=7))
_MONTHS: Final = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}
_TEXTS: Final = {
    "id": "Data per {day} {month} {year} pukul {hour:02}.{minute:02} WIB; layanan sedang gangguan, bukan jaringan Anda",
    "en": "Data as of {day} {month} {year}, {hour:02}:{minute:02} WIB; the service is disturbed, not your network",
}


def data_as_of(made_at: float, language: Language) -> Field:
    """Return the field for an answer the agency made at the wall-clock second `made_at`."""
    moment = datetime.fromtimestamp(made_at, UTC).astimezone(_WIB)
    text = _TEXTS[language].format(
        day=moment.day,
        month=_MONTHS[language].split()[moment.month - 1],
        year=moment.year,
        hour=moment.hour,
        minute=moment.minute,
    )
    return NAME, f'"{text}"'.encode("ascii")
