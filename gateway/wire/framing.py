"""How a body is framed, as a value; where framings come from and how bodies are read is told elsewhere."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple, TypeAlias

Piece: TypeAlias = bytes | memoryview  # of a body; a view when copying would cost more


class BodyKind(Enum):
    """How the end of a body is told."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until close"  # answers only


class Framing(NamedTuple):
    """How a body is framed; `length` counts for BodyKind.LENGTH alone and may be 0 there."""

    kind: BodyKind
    length: int = 0

    @property
    def has_body(self) -> bool:
        """Tell whether a byte of a body may follow."""
        return self.length > 0 or self.kind is BodyKind.CHUNKED or self.kind is BodyKind.UNTIL_CLOSE


NO_BODY: Final = Framing(BodyKind.NONE)
CHUNKED: Final = Framing(BodyKind.CHUNKED)
UNTIL_CLOSE: Final = Framing(BodyKind.UNTIL_CLOSE)
