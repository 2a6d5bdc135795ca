"""One HTTP/2 connection frame by frame (RFC 9113), for what libraries smooth over: they drop a connection at GOAWAY."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from types import TracebackType

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, SettingsFrame

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Frames:
    """Enter to connect; then one request after the other, on streams 1, 3, 5 and so on."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self._port = port
        self._tls = tls
        self._encoder = Encoder()
        self._decoder = Decoder()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._stream = 1

    async def __aenter__(self) -> Frames:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        assert self._writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        self._writer.write(_PREFACE + SettingsFrame(0).serialize())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.transport.abort()

    def ask(self, path: str, *fields: tuple[str, str]) -> None:
        """Send a GET; `fields` come after the pseudo-fields."""
        pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", "127.0.0.1"), (":path", path)]
        frame = HeadersFrame(self._stream, self._encoder.encode([*pseudo, *fields]))
        frame.flags |= {"END_HEADERS", "END_STREAM"}
        self._writer.write(frame.serialize())
        self._stream += 2

    async def answer(self) -> tuple[str, bytes, bool]:
        """Read to the end of a stream; return status, body, and whether the connection was told to end meanwhile."""
        status, body, goes_away = "", b"", False
        while True:
            frame = await self._frame()
            if isinstance(frame, GoAwayFrame):
                goes_away = True
            elif isinstance(frame, HeadersFrame):
                status = bytes(dict(self._decoder.decode(frame.data, raw=True))[b":status"]).decode()
            elif isinstance(frame, DataFrame):
                body += frame.data
            if "END_STREAM" in frame.flags:
                return status, body, goes_away

    async def is_ended(self) -> bool:
        """Wait until the server closes the connection."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                await self._frame()
        return True

    async def _frame(self) -> Frame:
        """Read a frame; a ping is answered, for a server that drains asks by one what is still under way."""
        frame, length = Frame.parse_frame_header(memoryview(await self._reader.readexactly(9)))
        frame.parse_body(memoryview(await self._reader.readexactly(length)))
        if isinstance(frame, PingFrame) and "ACK" not in frame.flags:
            answer = PingFrame(0, frame.opaque_data)
            answer.flags.add("ACK")
            self._writer.write(answer.serialize())
        return frame
