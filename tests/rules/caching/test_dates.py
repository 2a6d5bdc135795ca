"""HTTP dates in three forms and `Age`, read strictly (RFC 9110 section 5.6.7, RFC 9111 section 5.1)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.dates import age_field, date_field, date_of, format_date, parse_date
from tests.rules.caching.world import NOW, fields_of

THAT_SUNDAY = 784_111_777.0  # 1994-11-06 08:49:37 UTC


@pytest.mark.parametrize(
    "text",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
        b"Sun Nov 06 08:49:37 1994",
        b"SUN, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 NOV 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 gMT",
        b"Mon, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_three_forms_name_one_moment(text: bytes) -> None:
    assert parse_date(text, NOW) == THAT_SUNDAY


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0",
        b"-1",
        b"foo",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 08:49:37 AEST",
        b"Sun, 06 Nov 1994 08:49:37 +0000",
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 06 Nov 94 08:49:37 GMT",
        b"Sun 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06  Nov  1994 08:49:37 GMT",
        b"Sun, 06-Nov-1994 08:49:37 GMT",
        b"Sun, 06-Nov-94 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08.49.37 GMT",
        b"Sun, 06 Nov 1994 8:49:37 GMT",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:49:37 GMT",
        b"Sun, 06 Nov 1994 08:60:37 GMT",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 06 Xyz 1994 08:49:37 GMT",
        b"Xyz, 06 Nov 1994 08:49:37 GMT",
        b" Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT ",
        b"Sun, 06 Nov 1994 08:49:37 GMT\n",
        b"1994-11-06T08:49:37Z",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT".encode(),
    ],
)
def test_anything_out_of_form_is_no_date(text: bytes) -> None:
    assert parse_date(text, NOW) is None


def test_leap_second_is_the_next_minute() -> None:
    assert parse_date(b"Sat, 31 Dec 2016 23:59:60 GMT", NOW) == parse_date(b"Sun, 01 Jan 2017 00:00:00 GMT", NOW)


@pytest.mark.parametrize(
    ("two_digits", "year"), [("27", 2027), ("50", 2050), ("77", 2077), ("78", 1978), ("94", 1994), ("00", 2000)]
)
def test_two_digit_year_is_never_more_than_fifty_years_ahead(two_digits: str, year: int) -> None:
    moment = parse_date(f"Monday, 01-Mar-{two_digits} 00:00:00 GMT".encode(), NOW)
    assert moment == datetime(year, 3, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("text", [b"Tue, 19 Jan 2038 14:14:08 GMT", b"Sun, 21 Nov 2286 04:46:39 GMT"])
def test_far_future_does_not_overflow(text: bytes) -> None:
    moment = parse_date(text, NOW)
    assert moment is not None
    assert moment > NOW


@settings(deadline=None)
@given(st.integers(0, 253_402_300_799))
def test_every_written_date_is_read_back(moment: int) -> None:
    assert parse_date(format_date(moment + 0.75), NOW) == moment


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_date_or_none(text: bytes) -> None:
    parse_date(text, NOW)


@pytest.mark.parametrize(
    ("lines", "date"),
    [
        ("", None),
        ("Expires: Sun, 06 Nov 1994 08:49:37 GMT", THAT_SUNDAY),
        ("Expires: Sun, 06 Nov 1994 08:49:37 GMT\nExpires: Sunday, 06-Nov-94 08:49:37 GMT", THAT_SUNDAY),
        ("Expires: Sun, 06 Nov 1994 08:49:37 GMT\nExpires: Sun, 06 Nov 1994 08:49:38 GMT", None),
        ("Expires: Sun, 06 Nov 1994 08:49:37 GMT\nExpires: 0", None),
    ],
)
def test_date_said_more_than_one_way_is_no_date(lines: str, date: float | None) -> None:
    assert date_field(fields_of(lines), b"expires", NOW) == date


@pytest.mark.parametrize(
    ("lines", "date"),
    [
        ("", NOW),
        ("Date: foo", NOW),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT", THAT_SUNDAY),
        ("Date: Sun, 06 Nov 1994 08:49:37 GMT\nDate: foo", THAT_SUNDAY),
    ],
)
def test_answer_without_a_readable_date_is_of_the_moment_it_came(lines: str, date: float) -> None:
    assert date_of(fields_of(lines), NOW) == date


@pytest.mark.parametrize(
    ("lines", "age"),
    [
        ("", 0),
        ("Age: 0", 0),
        ("Age: 7200", 7200),
        ("Age: abc", 0),
        ("Age: -7200", 0),
        ("Age: 7200.0", 0),
        ("Age: 7200;foo=bar", 0),
        ("Age: 2147483647", 2**31 - 1),
        ("Age: 2147483648", 2**31),
        ("Age: 99999999999999", 2**31),
        ("Age: 7200, 0", 7200),
        ("Age: 0, 7200", 0),
        ("Age: 7200\nAge: 0", 7200),
        ("Age: 0\nAge: 7200", 0),
    ],
)
def test_age_is_the_first_whole_number(lines: str, age: int) -> None:
    assert age_field(fields_of(lines)) == age
