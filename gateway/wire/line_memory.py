"""Single header lines: what becomes of each, and a bounded memory of those read before; it knows no whole blocks.

A line's meaning is a pure function of its bytes and of the policy, so remembering it never changes an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, TypeAlias

from gateway.fields import EMPTY, Block, Field, Fields
from gateway.wire.grammar import CRLF
from gateway.wire.lines import read_field
from gateway.wire.statements import Reader, Stated, Statement
from gateway.wire.table import SecondChanceTable


class LineKind(IntEnum):
    """What becomes of a header line."""

    PASS = 0  # goes on
    DROP = 1  # ends here
    CREDENTIAL = 2  # ends here, and says who is calling
    STATEMENT = 3  # ends here, and says something about the message or the connection


Policy: TypeAlias = Callable[[bytes], LineKind]  # PASS, DROP or CREDENTIAL for a lower-cased name; pure

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
    """What one header line means. Nothing writes to it after it is made."""

    __slots__ = ("field", "has_role", "kind", "passed", "statement")

    def __init__(self, kind: LineKind, field: Field, passed: bytes, statement: Statement | None) -> None:
        self.kind: Final = kind
        self.field: Final = field
        self.passed: Final = passed  # serialised anew with its CRLF; empty unless the kind is PASS
        self.statement: Final = statement
        self.has_role: Final = kind >= LineKind.CREDENTIAL  # it says something to the gateway itself


class SortedLines:
    """A block's lines, sorted by what becomes of them."""

    __slots__ = ("credentials", "fresh", "is_repeatable", "lines", "stated", "unknown")

    def __init__(self) -> None:
        self.lines: list[Line] = []  # all, in order
        self.credentials: list[bytes] = []  # values, in order
        self.stated = Stated()
        self.unknown = 0  # lines that had to be read
        self.fresh: list[tuple[bytes, Line]] = []  # those of them worth remembering
        self.is_repeatable = True  # no line is of the sort never remembered

    @property
    def fields(self) -> Fields:
        return tuple([line.field for line in self.lines])

    def passed(self, nominated: frozenset[bytes]) -> Block:
        """Return what goes on: lines that pass and are not nominated for this hop (RFC 9110 section 7.6.1)."""
        if nominated:
            wire = b"".join([line.passed for line in self.lines if line.field[0] not in nominated])
        else:
            wire = b"".join([line.passed for line in self.lines])
        return Block(wire=wire) if wire else EMPTY


class LineMemory:
    """Reads header lines, through a bounded table of those read before."""

    __slots__ = ("_policy", "_readers", "_volatile_names", "table")

    def __init__(
        self,
        policy: Policy,
        readers: Mapping[bytes, Reader],
        volatile: frozenset[bytes],
        table: SecondChanceTable[Line],
    ) -> None:
        self._policy = policy
        self._readers = readers
        self._volatile_names = volatile
        self.table = table

    def read(self, texts: list[bytes]) -> SortedLines:
        """Read a block's lines; what is read here for the first time is not remembered yet. Raises Malformed."""
        known = self.table.entries
        found = SortedLines()
        lines = found.lines
        for text in texts:
            entry = known.get(text)
            if entry is None:
                line = self._read_line(text, found)
            else:
                entry.used = True
                line = entry.value
            lines.append(line)
            if line.has_role:
                if line.statement is None:
                    found.credentials.append(line.field[1])
                else:
                    line.statement.join(found.stated)
        self.table.hits += len(texts) - found.unknown
        self.table.misses += len(found.fresh)
        return found

    def _read_line(self, text: bytes, found: SortedLines) -> Line:
        found.unknown += 1
        name, value = field = read_field(text)
        kind = self._kind(name)
        passed = text[: len(name)] + b": " + value + CRLF if kind is LineKind.PASS else b""
        line = Line(kind, field, passed, self._readers[name](value) if kind is LineKind.STATEMENT else None)
        if name in self._volatile_names or not self.table.accepts(text):
            found.is_repeatable = False
        else:
            found.fresh.append((text, line))
        return line

    def _kind(self, name: bytes) -> LineKind:
        if name in self._readers:
            return LineKind.STATEMENT
        if name in HOP_BY_HOP:
            return LineKind.DROP
        kind = self._policy(name)
        assert kind is not LineKind.STATEMENT  # that is not a policy's to say
        return kind

    def remember(self, found: SortedLines) -> None:
        """Keep the lines that were worth it."""
        for text, line in found.fresh:
            self.table.put(text, line)
