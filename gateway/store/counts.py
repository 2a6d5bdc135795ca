"""How often limits were decided without the store; the numbers go to the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A store that returns is in use again within three seconds (docs: what happens when Redis is gone).
RETURN_SECONDS: Final = 3.0


@dataclass(slots=True)
class FallbackCounts:
    """How many charges and slots were decided without the store since the process began."""

    local: int = 0
    open: int = 0
    closed: int = 0
