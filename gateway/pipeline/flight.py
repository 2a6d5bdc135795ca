"""One question to an agency under way, and everybody who rides on it.

The one who asked first is a rider like all others: the question goes on as long as anybody waits for it, or when nobody
was to wait for it to begin with. Riders who are not the first wait a bounded time only, so that a slow answer holds up
one of them and not the crowd.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.fields import Fields
from gateway.pipeline.recording import Bell, Reader, Recording
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.verdicts import Miss, NeedsValidation, OriginHead, Refreshed, Relay
from gateway.stepping import Signal
from gateway.upstream.ports import Interim, UpstreamResponse


@dataclass(slots=True, eq=False)
class Arriving:
    """An answer whose head is there. Its body is in `stored` when it is kept already, in `recording` while several may
    read it, else in `response`, for the one who asked alone.
    """

    head: OriginHead
    relay: Relay  # to the one who asked
    response: UpstreamResponse
    response_time: float
    sequence: int  # when it was asked for, in the sequence of changes
    stored: StoredResponse | None = None
    recording: Recording | None = None
    reader: Reader | None = None  # of the recording, kept for the one who asked

    @property
    def is_kept(self) -> bool:
        """Tell whether it is stored, or will be once it has come whole."""
        return self.stored is not None or (self.recording is not None and not self.recording.is_too_large)

    async def discard(self) -> None:
        """Give up what was kept for the one who asked; others may still read, and what is recorded is still stored."""
        if self.reader is not None:
            await self.reader.aclose()
        elif self.recording is None and self.response.body is not None:
            await self.response.body.aclose()


@dataclass(frozen=True, slots=True)
class Renewed:
    """The agency said 304: what is stored holds."""

    refreshed: Refreshed


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came, or one (of `status`) that a stored answer stands in for."""

    error: Exception
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Another worker had asked: what it got is in memory now, for everybody to look at."""


Landing: TypeAlias = Arriving | Renewed | Failed


class Flight:
    """Holds the riders until the question lands. `sequence` tells what changed after it was asked."""

    __slots__ = ("_bell", "_first", "_interim", "_on_empty", "is_late", "landing", "question", "sequence")

    def __init__(self, question: Miss | NeedsValidation, sequence: int, interim: Interim | None) -> None:
        self.question = question
        self.sequence = sequence
        self.landing: Landing | Found | None = None
        self.is_late = False
        self._bell = Bell()
        self._first: Signal | None = None
        self._interim = interim
        self._on_empty: Callable[[], object] | None = None

    def end_when_empty(self, on_empty: Callable[[], object]) -> None:
        """Have `on_empty` called when the last rider leaves before the landing."""
        self._on_empty = on_empty

    @property
    def has_asker(self) -> bool:
        """Tell whether the one who asked first still rides."""
        return self._first is not None

    async def ride(self, *, first: bool = False) -> Landing | Found | None:
        """Wait for the landing; None when it takes too long for anyone but the first."""
        signal = Signal()
        self._bell.add(signal)
        if first:
            self._first = signal
        try:
            while self.landing is None and (first or not self.is_late):
                await signal
        except BaseException:
            if first:
                self._first = None
            raise
        finally:
            self._bell.discard(signal)
            if not self._bell and self.landing is None and self._on_empty is not None:
                self._on_empty()
        return self.landing

    def interim(self, status: int, fields: Fields) -> None:
        """Pass an interim answer on to the one who asked, while they wait for theirs (RFC 9110 section 15.2)."""
        if self._first is not None and self._interim is not None:
            self._interim(status, fields)

    def land(self, landing: Landing | Found) -> None:
        """Let the riders go on."""
        if self.landing is None:
            self.landing = landing
            self._bell.ring()

    def be_late(self) -> None:
        """Let everybody but the first go and ask anew."""
        self.is_late = True
        self._bell.ring()
