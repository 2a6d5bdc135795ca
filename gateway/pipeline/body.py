"""A request's body under its route's bound: refused unread when it declares too much, cut off when it lies."""

from __future__ import annotations

from gateway.errors import BodyTooLarge
from gateway.fields import Fields
from gateway.upstream.ports import RequestBody, Trailed


class BoundedBody:
    """Passes pieces on until more than `max_bytes` have come."""

    __slots__ = ("_body", "_left", "length")

    def __init__(self, body: RequestBody, max_bytes: int) -> None:
        """Raise BodyTooLarge when the declared length is already too much (RFC 9110 section 15.5.14)."""
        self.length = body.length
        if self.length is not None and self.length > max_bytes:
            raise BodyTooLarge(f"{self.length} bytes declared, {max_bytes} allowed")
        self._body = body
        self._left = max_bytes

    @property
    def trailers(self) -> Fields:
        return self._body.trailers if isinstance(self._body, Trailed) else ()

    async def read(self) -> bytes:
        piece = await self._body.read()
        self._left -= len(piece)
        if self._left < 0:
            raise BodyTooLarge("more came than is allowed")
        return piece
