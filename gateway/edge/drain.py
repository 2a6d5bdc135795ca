"""Whether this process is on its way out; every edge looks, and says so to its clients."""

from __future__ import annotations


class Drain:
    """Set once, at the first sign of the end."""

    __slots__ = ("draining",)

    def __init__(self) -> None:
        self.draining = False
