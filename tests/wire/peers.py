"""Second opinions: the same bytes read by h11 and by httptools, in the terms of `reading`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import h11
import httptools

from gateway.fields import Field, Fields
from tests.wire.reading import INCOMPLETE, Answer, Incomplete, Request


@dataclass(frozen=True, slots=True)
class Message:
    """What every parser can say of a message: its first line's parts, its fields, its body."""

    start: tuple[object, ...]  # method and target, or the status
    fields: Fields
    body: bytes


@dataclass(frozen=True, slots=True)
class Declined:
    """The peer refuses the message; its reason is for the reader of a failing test."""

    reason: str


Opinion: TypeAlias = Message | Declined | Incomplete

# Room for any head we would take ourselves, so that only meaning is compared and not limits.
_ROOM: Final = 1 << 20


def _plain(fields: Fields) -> Fields:
    """Level what is spelling and not meaning: h11 gives codings in lower case, llhttp leaves space after values."""
    return tuple((name, value.strip(b" \t").lower()) for name, value in fields)


def of_request(read: Request) -> Message:
    return Message((read.method, read.target), _plain(read.fields), read.body)


def of_answer(read: Answer) -> Message:
    return Message((read.status,), _plain(read.fields), read.body)


def h11_request(raw: bytes, *, closed: bool) -> Opinion:
    return _h11(h11.Connection(h11.SERVER, max_incomplete_event_size=_ROOM), raw, closed=closed)


def h11_answer(raw: bytes, *, closed: bool) -> Opinion:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ROOM)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    return _h11(connection, raw, closed=closed)


def _h11(connection: h11.Connection, raw: bytes, *, closed: bool) -> Opinion:
    head: h11.Request | h11.Response | None = None
    body = b""
    try:
        connection.receive_data(raw)
        if closed:
            connection.receive_data(b"")
        while True:
            event = connection.next_event()
            if isinstance(event, h11.InformationalResponse):
                return Message((event.status_code,), _plain(tuple(event.headers)), b"")
            if isinstance(event, h11.Request | h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                start = (head.method, head.target) if isinstance(head, h11.Request) else (head.status_code,)
                return Message(start, _plain(tuple(head.headers)), body)
            else:
                return INCOMPLETE
    except h11.RemoteProtocolError as fault:
        return Declined(str(fault))


@dataclass(slots=True)
class _Listener:
    """Takes the callbacks of httptools and keeps the first message of those in what was fed."""

    parser: httptools.HttpRequestParser | httptools.HttpResponseParser | None = None
    start: tuple[object, ...] = ()
    url: bytes = b""
    fields: list[Field] = field(default_factory=list)
    body: bytes = b""
    in_head: bool = True
    is_complete: bool = False

    def on_url(self, part: bytes) -> None:
        if self.in_head:
            self.url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:
            self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if not self.in_head:
            return
        self.in_head = False
        if isinstance(self.parser, httptools.HttpRequestParser):
            self.start = (self.parser.get_method(), self.url)
        elif self.parser is not None:
            self.start = (self.parser.get_status_code(),)

    def on_body(self, part: bytes) -> None:
        if not self.is_complete:
            self.body += part

    def on_message_complete(self) -> None:
        self.is_complete = True


def httptools_request(raw: bytes) -> Opinion:
    listener = _Listener()
    listener.parser = httptools.HttpRequestParser(listener)
    return _httptools(listener.parser, listener, raw)


def httptools_answer(raw: bytes) -> Opinion:
    listener = _Listener()
    listener.parser = httptools.HttpResponseParser(listener)
    return _httptools(listener.parser, listener, raw)


def _httptools(
    parser: httptools.HttpRequestParser | httptools.HttpResponseParser, listener: _Listener, raw: bytes
) -> Opinion:
    refusal: Opinion = INCOMPLETE
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as fault:
        refusal = Declined(repr(fault))
    if listener.is_complete:  # what is wrong with later messages is no opinion on the first
        return Message(listener.start, _plain(tuple(listener.fields)), listener.body)
    return refusal
