"""How one run is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said. `only`: measure these peers alone beside the gateway; `loads`: only these."""

    suite: str
    quick: bool = False
    only: tuple[str, ...] | None = None
    loads: tuple[str, ...] | None = None
    json: Path | None = None
    publish: bool = False

    def takes(self, load: str) -> bool:
        """Tell whether a load is wanted: one whose name holds any of the words."""
        return self.loads is None or any(word in load for word in self.loads)

    def chosen(self, peers: Sequence[str]) -> list[str]:
        """Return those of the peers that take part."""
        return [peer for peer in peers if self.only is None or peer in self.only]
