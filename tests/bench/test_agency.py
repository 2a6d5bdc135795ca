"""The agency of the bench understands whatever proxies make of a request, and never answers with a traceback."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench.agency import Agency, Pages

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
TOLD = b"POST /x HTTP/1.1\r\ncontent-Length: 5\r\n\r\n12345"
CHUNKED = b"POST /large HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n\r\n\r\r\n0\r\nTrailer: 1\r\n\r\n"


class Recorder(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True


def answers(*pieces: bytes) -> Recorder:
    """Return what the agency answers to these pieces."""
    agency, transport = Agency(Pages(b"[page]", b"[keys]", b"[large]", b"[huge]")), Recorder()
    agency.connection_made(transport)
    for piece in pieces:
        agency.data_received(piece)
    return transport


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (GET, b"[page]"),
        (GET + GET, b"[page][page]"),
        (TOLD + GET, b"[page][page]"),
        (CHUNKED + GET, b"[large][page]"),
        (GET.replace(b"/x", b"/jwks"), b"[keys]"),
        (b"", b""),
    ],
)
def test_requests_are_answered_however_their_bytes_are_cut(sent: bytes, answered: bytes) -> None:
    assert answers(sent).written == answered
    assert answers(*(sent[at : at + 1] for at in range(len(sent)))).written == answered


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"\r\n\r\n", b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"]
)
def test_what_is_no_request_is_refused_and_ends_the_connection(sent: bytes) -> None:
    transport = answers(sent)
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    assert transport.is_closed


def test_messages_come_back_unmasked() -> None:
    opening = b"GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    long = b"m" * 300
    transport = answers(opening, b"\x81\x82\0\0\0\0hi", b"\x82\xfe\x01\x2c\0\0\0\0" + long)
    head, _, messages = transport.written.partition(b"\r\n\r\n")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head  # the example of RFC 6455 section 1.3
    assert messages == b"\x81\x02hi\x82\x7e\x01\x2c" + long
