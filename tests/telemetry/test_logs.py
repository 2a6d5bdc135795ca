"""Logs tell what happened, name nobody, and never make anyone wait."""

from __future__ import annotations

import io
import json
import os
import threading

import pytest

from gateway.telemetry.logs import AccessLog, Unblocked, open_log
from gateway.telemetry.redaction import redact, redact_event


def _logged(**values: object) -> dict[str, object]:
    stream = io.StringIO()
    open_log(stream=stream).info("something", **values)
    line: dict[str, object] = json.loads(stream.getvalue())
    return line


def test_a_line_is_one_json_object_with_time_level_and_event() -> None:
    line = _logged(service="permits")
    assert line["event"] == "something"
    assert line["level"] == "info"
    assert line["service"] == "permits"
    assert "timestamp" in line


@pytest.mark.parametrize(
    "personal",
    [
        "3671991505900001",
        "081234567890",
        "0812-3456-7890",
        "+62 812 3456 7890",
        "siti@example.id",
        "siti%40example.id",
        "Bearer abcdefghijkl",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    ],
)
def test_personal_data_is_taken_out_wherever_it_turns_up(personal: str) -> None:
    line = json.dumps(_logged(reason=f"before {personal} after", nested={"list": [personal, (personal,)]}))
    assert personal not in line
    assert "before [redacted] after" in line


@pytest.mark.parametrize("name", ["authorization", "Cookie", "password", "access_token", "secret"])
def test_a_value_under_a_secret_name_goes_whatever_its_shape(name: str) -> None:
    assert redact_event(None, "info", {name: "short"})[name] == "[redacted]"


@pytest.mark.parametrize(
    "harmless", ["4bf92f3577b34da6a3ce929d0e0e4736", "permits", "12 routes", "2026-11-24T15:00:00Z"]
)
def test_ids_and_numbers_stay(harmless: str) -> None:
    assert redact(harmless) == harmless


def test_values_of_other_kinds_are_kept_or_told() -> None:
    event = redact_event(None, "info", {"a": 1, "b": None, "c": True, "d": b"3671991505900001", "e": ValueError("x")})
    assert event == {"a": 1, "b": None, "c": True, "d": "[redacted]", "e": "x"}


def test_an_exception_is_logged_whole() -> None:
    stream = io.StringIO()
    try:
        raise ValueError("inner 3671991505900001")
    except ValueError:
        open_log(stream=stream).exception("unforeseen")
    assert "Traceback" in stream.getvalue()
    assert "3671991505900001" not in stream.getvalue()


class _Stuck(io.StringIO):
    """An output nobody reads until `free` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.free.wait()
        return super().write(text)


def test_a_stuck_reader_makes_nobody_wait_and_loss_is_counted() -> None:
    stuck = _Stuck()
    stream = Unblocked(stuck)
    stream.write("first\n")
    stuck.reached.wait()
    for _ in range(10_001):
        stream.write("next\n")
    stream.flush()
    assert stream.lost == 1
    stuck.free.set()
    while not stuck.getvalue().endswith("next\n" * 10_000):
        pass
    stream.close()


def test_a_reader_that_is_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as gone:
        stream = Unblocked(gone)
        stream.write("nobody reads this\n")
        stream.close()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


async def test_access_lines_are_written_together_in_order() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    log.start()
    log.add(b"one\n")
    log.add(b"two\n")
    await log.aclose()
    assert b"".join(written) == b"one\ntwo\n"


def test_access_lines_beyond_the_bound_are_lost_and_counted() -> None:
    log = AccessLog(lambda _: None)
    for _ in range(3):
        log.add(b"x" * (5 * 1024 * 1024))
    assert log.lost == 1
    log.flush()
    log.add(b"y\n")
    assert log.lost == 1
