"""All answers under one key, and the forms of them that can be sent without looking at them again."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.fields import Block, Fields, without
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.store.queues import Queued

_MAX_READY: Final = 8  # spellings of the selecting fields by one key; phones of one kind spell them alike


class Ready(NamedTuple):
    """An answer as it can be sent to anybody who asks plainly, until `until` (wall-clock seconds), under `policy`.

    `said` are the fields that change with time; `block` holds all others. A `stale` one is for while it is renewed.
    """

    until: float
    policy: CachePolicy
    status: int
    block: Block
    said: Fields
    body: bytes
    stale: bool = False


class Shelf(Queued):
    """All that is stored under one key, and what was made ready from it for the requests that came last.

    `names` are the fields that select among the variants.
    """

    __slots__ = ("_blocks", "_ready", "keep_until", "names", "variants")

    def __init__(self) -> None:
        super().__init__()
        self.fill(())
        self.keep_until = 0.0

    def fill(self, variants: tuple[StoredResponse, ...]) -> None:
        """Put these in place of what was there."""
        self.variants = variants
        self.names = frozenset(name for one in variants for name, _ in one.selecting)
        if any(one.gzipped for one in variants):
            self.names |= {b"accept-encoding"}
        self._blocks: dict[int, Block] = {}
        self._ready: dict[Fields, Ready] = {}

    def block(self, stored: StoredResponse) -> Block:
        """Return the fields of one of the variants, without Content-Length, as a block that is made once."""
        found = self._blocks.get(id(stored))
        if found is None:
            found = self._blocks[id(stored)] = Block(fields=without(stored.fields, (b"content-length",)))
        return found

    def ready(self, fields: Fields, policy: CachePolicy, now: float) -> Ready | None:
        """Return what lies ready for a plain GET with these `fields`: whoever says the same selects the same."""
        found = self._ready.get(self._selection(fields))
        return found if found is not None and found.policy is policy and now < found.until else None

    def make_ready(self, fields: Fields, ready: Ready) -> None:
        """Have `ready` lie there for the next one who says the same."""
        if len(self._ready) >= _MAX_READY:
            self._ready.clear()
        self._ready[self._selection(fields)] = ready

    def _selection(self, fields: Fields) -> Fields:
        names = self.names
        return tuple([field for field in fields if field[0] in names]) if names else ()
