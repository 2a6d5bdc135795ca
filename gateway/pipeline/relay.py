"""An agency's answer made ready for the client: filtered fields, whole or streaming body."""

from __future__ import annotations

from gateway.errors import BrokeProtocol
from gateway.fields import Block, first, without
from gateway.pipeline.call import Reply
from gateway.rules.heads import answer_fields, trailer_fields
from gateway.upstream.ports import ResponseBody, UpstreamResponse


class Prefixed:
    """A body whose first pieces have been read already."""

    __slots__ = ("_body", "_pieces")

    def __init__(self, pieces: list[bytes], body: ResponseBody) -> None:
        self._pieces = pieces[::-1]
        self._body = body

    async def read(self) -> bytes:
        return self._pieces.pop() if self._pieces else await self._body.read()

    async def aclose(self) -> None:
        await self._body.aclose()


async def read_up_to(response: UpstreamResponse, max_bytes: int) -> tuple[UpstreamResponse, bytes | None]:
    """Read the body while it stays within `max_bytes`; return an answer that can still be sent, and the whole body.

    The body is None when it grew too large; raise UpstreamFault when it broke off.
    """
    if response.body is None:
        whole = response.content or b""
        return response, whole if len(whole) <= max_bytes else None
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := await response.body.read():
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                rest = Prefixed(pieces, response.body)
                return UpstreamResponse(response.status, response.fields, None, rest, response.length), None
    except BaseException:
        await response.body.aclose()
        raise
    await response.body.aclose()
    whole = b"".join(pieces)
    return UpstreamResponse(response.status, response.fields, whole, None), whole


def relay(response: UpstreamResponse, method: bytes) -> Reply:
    """Return the reply that passes an agency's answer to `method` on: fields filtered, its body as it comes."""
    passed, length = response.passed, response.length
    if passed is None:
        passed = Block(fields=without(answer_fields(response.fields), (b"content-length",)))
    if method == b"HEAD" and length is None:
        # There is no body, but what GET would have brought is worth knowing (RFC 9110 section 9.3.2).
        declared = first(response.fields, b"content-length")
        length = int(declared) if declared is not None and declared.isdigit() else None
    trailers = trailer_fields(response.trailers, of_answer=True) if response.trailers else ()
    return Reply(response.status, (), response.content, response.body, length, passed, trailers, response.tunnel)


async def read_whole(reply: Reply, max_bytes: int) -> bytes:
    """Return the whole body of `reply`; raise BrokeProtocol when it is larger than `max_bytes`."""
    if reply.body is None:
        return reply.content or b""
    pieces: list[bytes] = []
    left = max_bytes
    while piece := await reply.body.read():
        pieces.append(piece)
        left -= len(piece)
        if left < 0:
            raise BrokeProtocol(f"more than {max_bytes} bytes")
    return b"".join(pieces)
