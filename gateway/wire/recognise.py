"""Recognise, then reuse: header bytes seen before are not parsed again; nothing of a connection is remembered here.

Theory
======

A phone sends the same header block with each request. What a block comes to (who is calling, which bytes the agency
gets, how the body is framed) follows from its bytes alone, so it may be kept by them:

    whole block known ──► its meaning                                          one look-up
    else each line known ──► put together from the lines' meanings             one look-up a line
    else ──► the unknown lines are read by `lines.read_field`                  one regular expression a line

The result must not depend on what is remembered. Hence: a line's meaning is a pure function of the line, a block's of
its lines, and what the fields mean together is decided by `interpret` of `request` or `response`, remembered or not.

The tables of requests are filled only when the caller says so (`remember`), which it does after authentication
succeeded: strangers cannot thrash them. Lines of volatile names, different with each request, are never kept. A block
is kept only once all its lines were known, so that a client whose blocks never repeat does not fill it either. Agencies
are no strangers; what their lines mean is kept as it is read.

Meanings of blocks are the caller's (`M`), and so is their expiry: a remembered identity is checked at each use, and
`remember` replaces an old one. `forget` and `clear` serve revocation, key rotation and reload.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gateway.fields import Block, Fields
from gateway.wire import request, response
from gateway.wire.grammar import HeadLimits
from gateway.wire.line_memory import (
    VOLATILE_REQUEST_NAMES,
    VOLATILE_RESPONSE_NAMES,
    LineMemory,
    Policy,
    SortedLines,
)
from gateway.wire.lines import split_block
from gateway.wire.response import ResponseHead, StatusLine
from gateway.wire.statements import IN_REQUESTS, IN_RESPONSES
from gateway.wire.table import Counters, SecondChanceTable

M = TypeVar("M")


class Reading:
    """A request's block as read just now; the caller makes a meaning of it and may have that remembered."""

    __slots__ = ("_block", "_generation", "_lines", "head", "passed")

    def __init__(self, block: bytes, lines: SortedLines, generation: int) -> None:
        self._block = block
        self._lines = lines
        self._generation = generation
        self.head: Final = request.interpret(lines.stated)
        self.passed: Final = lines.passed(self.head.options.nominated)  # what an agency may get of the client's fields

    @property
    def credentials(self) -> tuple[bytes, ...]:
        """The values of the fields that say who is calling, in order."""
        return self._lines.stated.credentials

    @property
    def fields(self) -> Fields:
        """All fields as received, put together at each call."""
        return tuple([line.field for line in self._lines.lines])


class _Known(Generic[M]):
    """A block's meaning as the table keeps it."""

    __slots__ = ("meaning", "used")

    def __init__(self, meaning: M) -> None:
        self.meaning: Final = meaning
        self.used = False


class RequestRecogniser(Generic[M]):
    """Turns request blocks into meanings `M`, remembering them by their bytes when told to.

    With the default bounds the keys of each table take at most 16 MiB; meanings are the caller's to keep small.
    """

    __slots__ = ("_blocks", "_generation", "_limits", "_memory")

    def __init__(
        self,
        policy: Policy,
        limits: HeadLimits,
        *,
        max_blocks: int = 4_096,
        max_lines: int = 8_192,
        max_block_bytes: int = 4_096,
        max_line_bytes: int = 2_048,
        volatile_names: frozenset[bytes] = VOLATILE_REQUEST_NAMES,
    ) -> None:
        self._limits = limits
        self._generation = 0  # of what may be remembered; each forgetting begins a new one
        self._blocks: SecondChanceTable[_Known[M]] = SecondChanceTable(max_blocks, max_block_bytes)
        self._memory = LineMemory(policy, IN_REQUESTS, volatile_names, SecondChanceTable(max_lines, max_line_bytes))

    def recall(self, block: bytes) -> M | None:
        """Return the meaning remembered for exactly this block, or None."""
        known = self._blocks.get(block)
        return None if known is None else known.meaning

    def read(self, block: bytes) -> Reading:
        """Read a block that was not recalled, strictly, and remember nothing yet. Raises Malformed."""
        lines = self._memory.read(split_block(block, self._limits.max_field_count))
        return Reading(block, lines, self._generation)

    def remember(self, reading: Reading, meaning: M) -> None:
        """Remember a reading; to be called once its sender was authenticated.

        Its unknown lines are kept now, the block with `meaning` only if there were none. A reading from before the
        last forgetting changes nothing: authentication may have been under way when a session was revoked.
        """
        if reading._generation != self._generation:
            return
        lines = reading._lines
        if lines.fresh:
            self._memory.remember(lines)
        elif lines.is_repeatable:
            self._blocks.put(reading._block, _Known(meaning))

    def forget(self, predicate: Callable[[M], bool]) -> int:
        """Drop the blocks whose meaning satisfies `predicate` (a revoked session, say); return how many there were.

        Lines stay: they say what bytes mean, not who is let in.
        """
        self._generation += 1
        return self._blocks.forget(lambda known: predicate(known.meaning))

    def clear(self) -> None:
        """Forget everything, lines included."""
        self._generation += 1
        self._blocks.clear()
        self._memory.table.clear()

    def block_counters(self) -> Counters:
        """Return the counters of the table of blocks."""
        return self._blocks.counters()

    def line_counters(self) -> Counters:
        """Return the counters of the table of lines; a volatile line is no miss."""
        return self._memory.table.counters()


class ResponseRecogniser:
    """Reads answers' blocks through a table of lines read before. One serves all agencies."""

    __slots__ = ("_limits", "_memory")

    def __init__(
        self,
        policy: Policy,
        limits: HeadLimits,
        *,
        max_lines: int = 4_096,
        max_line_bytes: int = 512,
        volatile_names: frozenset[bytes] = VOLATILE_RESPONSE_NAMES,
    ) -> None:
        self._limits = limits
        self._memory = LineMemory(policy, IN_RESPONSES, volatile_names, SecondChanceTable(max_lines, max_line_bytes))

    def read(self, block: bytes, line: StatusLine, method: bytes) -> tuple[ResponseHead, Block]:
        """Read the block of an answer to `method` strictly; return what it means and what may go on to the client."""
        texts = split_block(block, self._limits.max_field_count)
        if line is response.OK and method != b"HEAD":
            # The usual answer: 200, every line known, and among them one that says anything of the message itself.
            recalled = self._memory.recall(texts)
            if recalled is not None and isinstance(head := recalled[0].alone, ResponseHead):
                return head, Block(wire=b"".join(recalled[1]))
        lines = self._memory.read(texts)
        head = response.interpret(lines.stated, line, method)
        if lines.fresh:
            self._memory.remember(lines)
        elif line is response.OK and method != b"HEAD" and not head.options.nominated:
            self._keep_alone(lines, head)
        return head, lines.passed(head.options.nominated)

    def _keep_alone(self, lines: SortedLines, head: ResponseHead) -> None:
        """Keep what the only statement of a block comes to with that statement's line."""
        stating = [line for line in lines.lines if line.statement is not None]
        if len(stating) == 1:
            stating[0].alone = head

    def clear(self) -> None:
        """Forget everything."""
        self._memory.table.clear()

    def line_counters(self) -> Counters:
        """Return the counters of the table of lines; a volatile line is no miss."""
        return self._memory.table.counters()
