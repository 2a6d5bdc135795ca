"""The few fields that say something about the message or its connection, each read by itself, then put together.

Theory
======

A statement is what one field line says on its own: a length, a coding, a host. Reading it depends on nothing else, so
`line_memory` may keep it with the line. `Stated` is what the statements of one head say together; joining is where a
second or contradicting one is refused. `request` and `response` decide from it, nothing else does.

RFC 9112 section 6.3 orders framing fields by precedence: Transfer-Encoding beats Content-Length, the last coding
counts. Precedence is what smuggling lives on, for an older peer has another order. So there is none here: a message
has one statement about its length or none at all, and two are refused even where they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from gateway.fields import Field, Fields
from gateway.wire import refusals
from gateway.wire.framing import CHUNKED, BodyKind, Framing
from gateway.wire.grammar import MAX_DECIMAL_DIGITS, OWS, is_token, read_decimal, read_list
from gateway.wire.host import read_host
from gateway.wire.lines import read_field, split_block
from gateway.wire.malformed import Malformed

_CONNECTION_OWN: Final = frozenset((b"close", b"keep-alive", b"upgrade"))


class Options:
    """Connection options, put to use (RFC 9110 section 7.6.1). Nothing writes to it after it is made."""

    __slots__ = ("_all", "close", "keep_alive", "nominated", "upgrade")

    def __init__(self, options: frozenset[bytes]) -> None:
        self._all: Final = options
        self.close: Final = b"close" in options
        self.keep_alive: Final = b"keep-alive" in options
        self.upgrade: Final = b"upgrade" in options
        self.nominated: Final = options - _CONNECTION_OWN  # lower-cased names of fields that go no further

    def with_more(self, other: Options) -> Options:
        """Return the options of both."""
        return Options(self._all | other._all)


NO_OPTIONS: Final = Options(frozenset())


class Stated:
    """What the statements of one head say together, as far as they have been joined."""

    __slots__ = ("credentials", "expects_continue", "framing", "host", "options", "protocols")

    def __init__(self) -> None:
        self.host: bytes | None = None
        self.framing: Framing | None = None
        self.options = NO_OPTIONS
        self.protocols: tuple[bytes, ...] = ()
        self.expects_continue = False
        self.credentials: tuple[bytes, ...] = ()


class Statement(Protocol):
    """What one line says. The constructors read the field's value, and raise Malformed."""

    def join(self, stated: Stated) -> None:
        """Add this to what was stated before; raises Malformed where both cannot stand."""
        ...


class HostStatement:
    """Host (RFC 9110 section 7.2)."""

    __slots__ = ("_host",)

    def __init__(self, value: bytes) -> None:
        self._host: Final = read_host(value)

    def join(self, stated: Stated) -> None:
        if stated.host is not None:
            raise Malformed(refusals.SEVERAL_HOSTS)
        stated.host = self._host


class LengthStatement:
    """Content-Length (RFC 9110 section 8.6)."""

    __slots__ = ("_framing",)

    def __init__(self, value: bytes) -> None:
        length = read_decimal(value)
        if length is None:
            overflows = len(value) > MAX_DECIMAL_DIGITS and value.isdigit()
            raise Malformed(refusals.LENGTH_OVERFLOW if overflows else refusals.BAD_LENGTH)
        self._framing: Final = Framing(BodyKind.LENGTH, length)

    def join(self, stated: Stated) -> None:
        if stated.framing is not None:
            raise Malformed(refusals.LENGTH_AND_CODING if stated.framing is CHUNKED else refusals.SEVERAL_LENGTHS)
        stated.framing = self._framing


class CodingStatement:
    """Transfer-Encoding, which must be exactly `chunked` (RFC 9112 section 6.1)."""

    __slots__ = ()

    def __init__(self, value: bytes) -> None:
        if value.lower() == b"chunked":
            return
        codings = [coding.strip(OWS).lower() for coding in value.split(b",")]
        whole = all(is_token(coding) for coding in codings)
        if whole and codings[-1] == b"chunked" and codings.count(b"chunked") == 1:
            raise Malformed(refusals.UNKNOWN_CODING)
        # Without chunked at the end nobody knows where the request ends: 400 is a must there (section 6.3, rule 4).
        raise Malformed(refusals.BAD_CODING)

    def join(self, stated: Stated) -> None:
        if stated.framing is not None:
            raise Malformed(refusals.SEVERAL_CODINGS if stated.framing is CHUNKED else refusals.LENGTH_AND_CODING)
        stated.framing = CHUNKED


class ConnectionStatement:
    """Connection (RFC 9110 section 7.6.1). Several add up."""

    __slots__ = ("_options",)

    def __init__(self, value: bytes) -> None:
        options = read_list(value.lower())
        if not all(is_token(option) for option in options):
            raise Malformed(refusals.BAD_OPTION)
        self._options: Final = Options(frozenset(options))

    def join(self, stated: Stated) -> None:
        known = stated.options
        stated.options = self._options if known is NO_OPTIONS else known.with_more(self._options)


class UpgradeStatement:
    """Upgrade: `name` or `name/version`, several in order of preference (RFC 9110 section 7.8)."""

    __slots__ = ("_protocols",)

    def __init__(self, value: bytes) -> None:
        protocols = read_list(value.lower())
        for protocol in protocols:
            name, slash, version = protocol.partition(b"/")
            if not is_token(name) or (slash and not is_token(version)):
                raise Malformed(refusals.BAD_UPGRADE)
        self._protocols: Final = tuple(protocols)

    def join(self, stated: Stated) -> None:
        stated.protocols += self._protocols


class ExpectStatement:
    """Expect, of which one value is defined (RFC 9110 section 10.1.1)."""

    __slots__ = ()

    def __init__(self, value: bytes) -> None:
        if value.lower() != b"100-continue":
            raise Malformed(refusals.EXPECTATION)

    def join(self, stated: Stated) -> None:
        if stated.expects_continue:
            raise Malformed(refusals.EXPECTATION)
        stated.expects_continue = True


class CredentialStatement:
    """A field that says who is calling; which ones do is a policy's to say. What they mean is judged elsewhere."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value: Final = value

    def join(self, stated: Stated) -> None:
        stated.credentials += (self._value,)


Reader: TypeAlias = Callable[[bytes], Statement]

IN_RESPONSES: Final[Mapping[bytes, Reader]] = MappingProxyType(
    {
        b"content-length": LengthStatement,
        b"transfer-encoding": CodingStatement,
        b"connection": ConnectionStatement,
        b"upgrade": UpgradeStatement,
    }
)
IN_REQUESTS: Final[Mapping[bytes, Reader]] = MappingProxyType(
    {**IN_RESPONSES, b"host": HostStatement, b"expect": ExpectStatement}
)


def read_block(block: bytes, max_field_count: int, readers: Mapping[bytes, Reader]) -> tuple[Fields, Stated]:
    """Read a block line by line: return all its fields, and what the statements among them say together."""
    stated = Stated()
    fields: list[Field] = []
    for line in split_block(block, max_field_count):
        field = read_field(line)
        fields.append(field)
        reader = readers.get(field[0])
        if reader is not None:
            reader(field[1]).join(stated)
    return tuple(fields), stated
