"""What the fields of a message come to: what a client's head means, what an agency may see of it, and the way back.

A client's head is read once into a `RequestHead`. The object holds only what follows from the bytes, nothing of a
connection or of a moment, so that one object stands for every repetition of the same bytes. Which names pass is told by
`field_kinds`. This file adds nothing: fields of the gateway's own (assertion, forwarding, trace, request id) are put
beside what passes by those who make them, and so a client can neither forge them nor nominate them away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.fields import EMPTY, Block, Field, Fields
from gateway.messages import DEFAULT_LANGUAGE, Language, preferred_language
from gateway.rules.field_kinds import FieldKind, answer_field_kind, is_end_to_end, request_field_kind

__all__ = [
    "FieldKind",
    "RequestHead",
    "answer_field_kind",
    "answer_fields",
    "is_traceparent",
    "read_request_head",
    "request_field_kind",
    "select",
    "trailer_fields",
]

# Fields that change how a request is answered beyond its route: without them a stored answer can be given as it is.
_NOT_PLAIN: Final = frozenset(
    b"cache-control expect if-match if-modified-since if-none-match if-range if-unmodified-since pragma range "
    b"upgrade".split()
)

# Trailers come when routing, framing, authentication and content handling are decided (RFC 9110 section 6.5.1).
_NEVER_TRAILERS: Final = frozenset(
    b"age authorization cache-control content-disposition content-encoding content-language content-location "
    b"content-range content-type cookie date expires idempotency-key if-match if-modified-since if-none-match if-range "
    b"if-unmodified-since last-modified location max-forwards origin pragma prefer priority public-key-pins range "
    b"referer retry-after sec-websocket-accept sec-websocket-extensions sec-websocket-key sec-websocket-protocol "
    b"sec-websocket-version set-cookie set-cookie2 strict-transport-security user-agent vary warning "
    b"www-authenticate x-ticket-secret".split()
)

_TRACEPARENT: Final = re.compile(rb"([0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-)([0-9a-f]{2})(-.*)?")
_TRACEPARENT_00: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE_MEMBER: Final = re.compile(
    rb"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_MAX_TRACESTATE_MEMBERS: Final = 32
_MAX_TRACESTATE_BYTES: Final = 512  # the least a carrier must carry; what is longer is not worth every hop's bytes
_OWS: Final = b" \t"  # RFC 9110 section 5.6.3; bytes.strip() without it takes more
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")


@dataclass(slots=True, eq=False)
class RequestHead:
    """A client's header block, read. Values that came twice where one is allowed count as none."""

    fields: Fields
    passed: Block  # what an agency may see
    authorization: tuple[bytes, ...] = ()  # every value; more than one is for the identity stage to refuse
    language: Language = DEFAULT_LANGUAGE
    plain: bool = True  # asks for nothing beyond its route: no conditions, ranges, cache directives, upgrade, expect
    accept_encoding: bytes | None = None
    origin: bytes | None = None
    traceparent: bytes | None = None  # valid, version 00 (W3C Trace Context level 1)
    tracestate: bytes | None = None  # only beside a valid traceparent
    request_id: bytes | None = None  # the client's own, when it is harmless
    forwarded_for: tuple[bytes, ...] = ()  # to be believed of trusted proxies only
    forwarded_proto: bytes | None = None  # likewise; http or https
    token: bytes | None = None  # read out of `authorization` and good once: a lane may remember the block


def read_request_head(fields: Fields) -> RequestHead:
    """Read the fields of a client's request; names are lower-case, values stripped and free of CR, LF and NUL."""
    grouped: dict[bytes, list[bytes]] = {}
    passed: list[Field] = []
    for field in fields:
        name = field[0]
        grouped.setdefault(name, []).append(field[1])
        if request_field_kind(name) is FieldKind.PASS:
            passed.append(field)
    nominated = _options(grouped.get(b"connection", ()))
    if not nominated.isdisjoint(grouped):
        passed = [field for field in passed if field[0] not in nominated]
    traceparent = _traceparent(grouped)
    return RequestHead(
        fields=fields,
        passed=Block(fields=tuple(passed)),
        authorization=tuple(grouped.get(b"authorization", ())),
        language=preferred_language(_joined(grouped, b"accept-language")),
        plain=_NOT_PLAIN.isdisjoint(grouped),
        accept_encoding=None if b"accept-encoding" in nominated else _joined(grouped, b"accept-encoding"),
        origin=_only(grouped, b"origin"),
        traceparent=traceparent,
        tracestate=None if traceparent is None else _tracestate(grouped),
        request_id=_request_id(grouped),
        forwarded_for=tuple(grouped.get(b"x-forwarded-for", ())),
        forwarded_proto=_forwarded_proto(grouped),
    )


def select(head: RequestHead, names: frozenset[bytes]) -> Block:
    """Return the passed fields with one of `names`: on a cached route, what is not in the key is not sent."""
    chosen = tuple(field for field in head.passed.fields if field[0] in names)
    return Block(fields=chosen) if chosen else EMPTY


def answer_fields(fields: Fields) -> Fields:
    """Return what a client may see of an agency's fields.

    Of framing only Content-Length is among it, which tells the size of what a HEAD or a 304 leaves out (RFC 9110
    section 8.6). Whoever sends a body frames it anew, and leaves the field away.
    """
    nominated = _options(value for name, value in fields if name == b"connection")
    return tuple(
        field
        for field in fields
        if (answer_field_kind(field[0]) is FieldKind.PASS and (field[0] not in nominated or is_end_to_end(field[0])))
        or field[0] == b"content-length"
    )


def trailer_fields(fields: Fields, *, of_answer: bool, nominated: frozenset[bytes] = frozenset()) -> Fields:
    """Return the trailer fields that may go on: the rules of the direction, and those of RFC 9110 section 6.5.1.

    `nominated` are the options of the head's Connection fields.
    """
    kind = answer_field_kind if of_answer else request_field_kind
    refused = _NEVER_TRAILERS | nominated
    return tuple(field for field in fields if field[0] not in refused and kind(field[0]) is FieldKind.PASS)


def _options(values: Iterable[bytes]) -> frozenset[bytes]:
    """Read the options of `Connection` fields, lower-cased (RFC 9110 section 7.6.1)."""
    return frozenset(option.strip(_OWS).lower() for value in values for option in value.split(b","))


def _joined(grouped: Mapping[bytes, list[bytes]], name: bytes) -> bytes | None:
    """Combine the values of a list field (RFC 9110 section 5.3)."""
    values = grouped.get(name)
    return None if values is None else b", ".join(values)


def _only(grouped: Mapping[bytes, list[bytes]], name: bytes) -> bytes | None:
    """Return the value of a field that came exactly once."""
    values = grouped.get(name, ())
    return values[0] if len(values) == 1 else None


def is_traceparent(value: bytes) -> bool:
    """Tell whether `value` is a `traceparent` of version 00 that goes on as it is."""
    return _TRACEPARENT_00.fullmatch(value) is not None


def _traceparent(grouped: Mapping[bytes, list[bytes]]) -> bytes | None:
    """Return a valid `traceparent` as version 00; of later versions only what version 00 knows (section 3.2.4)."""
    value = _only(grouped, b"traceparent")
    found = None if value is None else _TRACEPARENT.fullmatch(value)
    if found is None:
        return None
    version, ids, flags, more = found.groups()
    if version == b"00":
        return value if more is None else None
    if version == b"ff":
        return None
    return b"00%b0%d" % (ids, int(flags, 16) & 1)


def _tracestate(grouped: Mapping[bytes, list[bytes]]) -> bytes | None:
    """Return the combined `tracestate` when it is valid and not too long (W3C Trace Context section 3.3)."""
    value = b",".join(grouped.get(b"tracestate", ()))
    members = [member.strip(_OWS) for member in value.split(b",")]
    members = [member for member in members if member]
    if not members or len(members) > _MAX_TRACESTATE_MEMBERS or len(value) > _MAX_TRACESTATE_BYTES:
        return None
    if any(_TRACESTATE_MEMBER.fullmatch(member) is None for member in members):
        return None
    return b",".join(members)


def _request_id(grouped: Mapping[bytes, list[bytes]]) -> bytes | None:
    value = _only(grouped, b"x-request-id")
    return value if value is not None and _REQUEST_ID.fullmatch(value) else None


def _forwarded_proto(grouped: Mapping[bytes, list[bytes]]) -> bytes | None:
    value = (_only(grouped, b"x-forwarded-proto") or b"").lower()
    return value if value in (b"http", b"https") else None
