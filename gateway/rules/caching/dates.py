"""HTTP dates and ages, read strictly (RFC 9110 section 5.6.7, RFC 9111 section 5.1).

Letter case and a wrong weekday are forgiven, as both are harmless; anything else out of form is no date at all.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

from gateway.fields import Fields, first, values
from gateway.rules.caching.directives import delta_seconds

_MONTHS: Final = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_MONTH: Final = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_TIME: Final = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # Sun, 06 Nov 1994 08:49:37 GMT
        rb"(?:mon|tue|wed|thu|fri|sat|sun), (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT",
        # Sunday, 06-Nov-94 08:49:37 GMT
        rb"(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?P<day>[0-9]{2})-"
        + _MONTH
        + rb"-(?P<year>[0-9]{2}) "
        + _TIME
        + rb" GMT",
        # Sun Nov  6 08:49:37 1994
        rb"(?:mon|tue|wed|thu|fri|sat|sun) "
        + _MONTH
        + rb" (?P<day>[0-9]{2}| [0-9]) "
        + _TIME
        + rb" (?P<year>[0-9]{4})",
    )
)


def parse_date(text: bytes, now: float) -> float | None:
    """Return the moment `text` names in wall-clock seconds, or None. `now` settles the century of two-digit years."""
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is not None:
            return _moment(match, now)
    return None


def _moment(match: re.Match[bytes], now: float) -> float | None:
    month = _MONTHS.index(match["month"].lower()) + 1
    year, day, hour, minute, second = (int(match[name]) for name in ("year", "day", "hour", "minute", "second"))
    if len(match["year"]) == 2:
        year = _century(year, now)
    leap = second == 60  # the grammar allows a leap second, the calendar below does not
    try:
        moment = datetime(year, month, day, hour, minute, second - leap, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() + leap


def _century(two_digits: int, now: float) -> int:
    """Complete a two-digit year: never more than 50 years ahead (RFC 9110 section 5.6.7)."""
    this_year = datetime.fromtimestamp(now, UTC).year
    year = this_year - this_year % 100 + two_digits
    return year - 100 if year > this_year + 50 else year


def format_date(moment: float) -> bytes:
    """Write a moment as an IMF-fixdate, to the second below."""
    return formatdate(int(moment), usegmt=True).encode("ascii")


def date_field(fields: Fields, name: bytes, now: float) -> float | None:
    """Return the date in the field `name`, or None when it is absent, malformed or said more than one way."""
    found = {parse_date(line, now) for line in values(fields, name)}
    return found.pop() if len(found) == 1 else None


def date_of(fields: Fields, response_time: float) -> float:
    """Return the agency's `Date`, or the moment of receipt where it has none that can be read."""
    line = first(fields, b"date")
    date = parse_date(line, response_time) if line is not None else None
    return response_time if date is None else date


def age_field(fields: Fields) -> int:
    """Return the `Age` in seconds: the first of several values; what is not a whole number counts for nothing."""
    lines = values(fields, b"age")
    first_value = lines[0].split(b",", 1)[0].strip(b" \t") if lines else None
    return delta_seconds(first_value) or 0
