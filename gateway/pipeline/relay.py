"""An agency's answer made ready for the client: filtered fields, whole or streaming body."""

from __future__ import annotations

from gateway.errors import BrokeProtocol
from gateway.fields import Block, first, without
from gateway.pipeline.call import Reply
from gateway.rules.heads import answer_fields, trailer_fields
from gateway.upstream.ports import UpstreamResponse


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
