"""A request's body under an ASGI server: read piece by piece, and to its very end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.edge.asgi import AsgiBody

Message = MutableMapping[str, Any]


def scripted(*pieces: tuple[bytes, bool]) -> tuple[Callable[[], Awaitable[Message]], list[bytes]]:
    """Return what a server offers to receive (each piece, and whether more is to come), and what was taken of it."""
    taken: list[bytes] = []
    left = list(pieces)

    async def receive() -> Message:
        body, more = left.pop(0)
        taken.append(body)
        return {"type": "http.request", "body": body, "more_body": more}

    return receive, taken


async def test_nothing_is_read_ahead() -> None:
    receive, taken = scripted((b"he", True), (b"llo", True), (b"", False))
    body = AsgiBody(receive, None)
    assert (await body.read(), taken) == (b"he", [b"he"])
    assert [await body.read(), await body.read(), await body.read()] == [b"llo", b"", b""]


async def test_the_last_byte_is_given_once_the_stream_has_ended_too() -> None:
    receive, taken = scripted((b"he", True), (b"llo", True), (b"", False))
    body = AsgiBody(receive, 5)
    assert (await body.read(), taken) == (b"he", [b"he"])
    assert (await body.read(), taken) == (b"llo", [b"he", b"llo", b""])
    assert await body.read() == b""
