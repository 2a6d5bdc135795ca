"""Structured logs: JSON lines on standard output, redacted; and the access log, in batches off the request's way.

It decides no level and keeps no state beyond what waits to be written.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import queue
import select
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, TextIO, cast

import structlog

from gateway.telemetry.redaction import redact_event

Log = structlog.typing.FilteringBoundLogger
Write = Callable[[bytes], object]

# Workers share one standard output; a pipe does not tear apart or mix writes up to this size (POSIX: at least 512).
_PIPE_BYTES: Final = select.PIPE_BUF
_FLUSH_SECONDS: Final = 0.2
_MAX_WAITING_LINES: Final = 10_000
_MAX_WAITING_BYTES: Final = 8 * 1024 * 1024  # a stuck reader of our output must not eat the memory; loss is counted


class Unblocked:
    """A stream whose `write` never waits: a thread writes, and a reader of our output that is stuck costs lines only.

    Bounded; `lost` counts what found no place. `close` waits a moment for what is left, at the end of the process.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._waiting: queue.Queue[str | None] = queue.Queue(_MAX_WAITING_LINES)
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def write(self, text: str) -> None:
        """Take a text to be written; one that finds the queue full is lost."""
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self.lost += 1

    def flush(self) -> None:
        """Do nothing: every line is flushed once it is written."""

    def close(self) -> None:
        """Have what waits written, if that takes no longer than a second."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(1.0)

    def _run(self) -> None:
        while (text := self._waiting.get()) is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                self._stream.write(text)
                self._stream.flush()


def open_log(*, stream: Any = None) -> Log:
    """Make the logger of one process. Every line is one JSON object with `timestamp`, `level` and `event`.

    Without a `stream`, lines go to standard output by way of a thread: a caller never waits for whoever reads them.
    """
    logger: Log = structlog.wrap_logger(
        structlog.WriteLogger(cast("TextIO", stream if stream is not None else Unblocked(sys.stdout))),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact_event,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        context_class=dict,
    )
    return logger


class AccessLog:
    """Collects finished lines and writes many at once. Bounded: what does not fit is dropped and counted."""

    __slots__ = ("_lines", "_size", "_task", "_write", "lost")

    def __init__(self, write: Write | None = None) -> None:
        self._write = write if write is not None else _write_stdout
        self._lines: list[bytes] = []
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    def add(self, line: bytes) -> None:
        """Take one line, which ends in a newline."""
        if self._size > _MAX_WAITING_BYTES:
            self.lost += 1
            return
        self._lines.append(line)
        self._size += len(line)

    def start(self) -> None:
        """Begin to write in the background."""
        self._task = asyncio.create_task(self._run())

    async def aclose(self) -> None:
        """Write what waits and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self.flush()

    def flush(self) -> None:
        """Write everything that waits, now."""
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            self._write(b"".join(lines))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            lines, self._lines, self._size = self._lines, [], 0
            if lines:
                await loop.run_in_executor(None, self._write, b"".join(lines))


def _write_stdout(data: bytes) -> None:
    for piece in whole_lines(data, _PIPE_BYTES):
        view = memoryview(piece)
        while view:
            view = view[os.write(1, view) :]


def whole_lines(data: bytes, most_bytes: int) -> Iterator[bytes]:
    """Cut `data` after line ends into pieces of at most so many bytes; a longer line is a piece of its own."""
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + most_bytes) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end
