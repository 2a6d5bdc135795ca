"""Single header lines: what becomes of each, and a bounded memory of those read before; it knows no whole blocks.

A line's meaning is a pure function of its bytes and of the policy, so remembering it never changes an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, TypeAlias

from gateway.fields import EMPTY, Block, Field
from gateway.wire.lines import read_field
from gateway.wire.statements import CredentialStatement, Reader, Stated, Statement
from gateway.wire.table import SecondChanceTable


class LineKind(IntEnum):
    """What becomes of a header line."""

    PASS = 0  # goes on
    DROP = 1  # ends here
    CREDENTIAL = 2  # ends here, and says who is calling
    KEEP = 3  # goes on, nominated for this hop or not: it is meant for whoever comes after us (RFC 9110, 7.6.1)


Policy: TypeAlias = Callable[[bytes], LineKind]  # what becomes of a lower-cased name; pure

# Fields of this hop (RFC 9110 section 7.6.1 and RFC 7540 section 3.2.1): no policy can pass them.
HOP_BY_HOP: Final = frozenset(
    (
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
    )
)

# Different with each request by their nature: keeping them would only push others out.
VOLATILE_REQUEST_NAMES: Final = frozenset(
    (
        b"baggage",
        b"content-digest",
        b"date",
        b"dpop",
        b"idempotency-key",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"range",
        b"referer",
        b"sec-websocket-key",
        b"traceparent",
        b"tracestate",
        b"x-amzn-trace-id",
        b"x-correlation-id",
        b"x-request-id",
    )
)
# Set-Cookie is here because it is a secret as well. Date is not: it repeats for a whole second.
VOLATILE_RESPONSE_NAMES: Final = frozenset(
    (
        b"age",
        b"content-digest",
        b"content-range",
        b"etag",
        b"last-modified",
        b"location",
        b"repr-digest",
        b"server-timing",
        b"set-cookie",
        b"traceparent",
        b"x-correlation-id",
        b"x-request-id",
        b"x-runtime",
    )
)


class Line:
    """What one header line means; only `used` and `alone` change once it is made."""

    __slots__ = ("alone", "field", "is_kept", "passed", "statement", "used")

    def __init__(self, field: Field, passed: bytes, statement: Statement | None, *, is_kept: bool = False) -> None:
        self.field: Final = field
        self.passed: Final = passed  # serialised anew with its CRLF; empty where it does not go on
        self.statement: Final = statement
        self.is_kept: Final = is_kept  # goes on though nominated
        self.used = False
        self.alone: object = None  # what a block comes to in which this is the only statement, once somebody asked


class SortedLines:
    """A block's lines, sorted by what becomes of them."""

    __slots__ = ("_passing", "fresh", "is_repeatable", "lines", "stated")

    def __init__(self) -> None:
        self.lines: list[Line] = []  # all, in order
        self._passing: list[bytes] = []
        self.stated = Stated()
        self.fresh: list[tuple[bytes, Line]] = []  # read just now and worth remembering
        self.is_repeatable = True  # no line is of the sort never remembered

    def passed(self, nominated: frozenset[bytes]) -> Block:
        """Return what goes on: lines that pass and are not nominated for this hop (RFC 9110 section 7.6.1)."""
        if nominated:
            wire = b"".join([line.passed for line in self.lines if line.is_kept or line.field[0] not in nominated])
        else:
            wire = b"".join(self._passing)
        return Block(wire=wire) if wire else EMPTY


class LineMemory:
    """Reads header lines, through a bounded table of those read before."""

    __slots__ = ("_policy", "_readers", "_volatile_names", "table")

    def __init__(
        self,
        policy: Policy,
        readers: Mapping[bytes, Reader],
        volatile_names: frozenset[bytes],
        table: SecondChanceTable[Line],
    ) -> None:
        self._policy = policy
        self._readers = readers
        self._volatile_names = volatile_names
        self.table = table

    def read(self, texts: list[bytes]) -> SortedLines:
        """Read a block's lines; what is read here for the first time is not remembered yet. Raises Malformed."""
        known = self.table.entries
        found = SortedLines()
        stated = found.stated
        take, let_pass = found.lines.append, found._passing.append
        unknown = 0
        for text in texts:
            line = known.get(text)
            if line is None:
                line = self._read_line(text, found)
                unknown += 1
            else:
                line.used = True
            take(line)
            if line.statement is None:
                let_pass(line.passed)
            else:
                line.statement.join(stated)
        self.table.hits += len(texts) - unknown
        self.table.misses += len(found.fresh)
        return found

    def recall(self, texts: list[bytes]) -> tuple[Line, list[bytes]] | None:
        """Return the one statement of a block whose lines are all known, and what passes; None for any other block."""
        known = self.table.entries
        passing: list[bytes] = []
        stating: Line | None = None
        for text in texts:
            line = known.get(text)
            if line is None:
                return None
            line.used = True
            if line.statement is None:
                passing.append(line.passed)
            elif stating is None:
                stating = line
            else:
                return None
        if stating is None:
            return None
        self.table.hits += len(texts)
        return stating, passing

    def _read_line(self, text: bytes, found: SortedLines) -> Line:
        name, value = field = read_field(text)
        passed = b""
        is_kept = False
        statement: Statement | None = None
        reader = self._readers.get(name)
        if reader is not None:
            statement = reader(value)
        elif name not in HOP_BY_HOP:
            kind = self._policy(name)
            if kind is LineKind.PASS or kind is LineKind.KEEP:
                is_kept = kind is LineKind.KEEP
                passed = b"%b: %b\r\n" % (text[: len(name)], value)
            elif kind is LineKind.CREDENTIAL:
                statement = CredentialStatement(value)
        line = Line(field, passed, statement, is_kept=is_kept)
        if name in self._volatile_names or not self.table.accepts(text):
            found.is_repeatable = False
        else:
            found.fresh.append((text, line))
        return line

    def remember(self, found: SortedLines) -> None:
        """Keep the lines that were worth it."""
        for text, line in found.fresh:
            self.table.put(text, line)
