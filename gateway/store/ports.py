"""What the gateway asks of shared state. Every store passes the same contract suite (tests/store).

Nothing here knows where state lives; `open.py` chooses, by the URL in `gateway.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from gateway.rules.concurrency import Slot
from gateway.rules.quota import Charge, Verdict


class StoreError(Exception):
    """The store did not answer within its budget, or refused; what that means is declared per limit."""


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """How a part of the gateway is; `since` is when it became so, in seconds of the wall clock."""

    status: Literal["pass", "warn", "fail"]
    since: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """Requests charged ahead for one worker to spend; `charged_at` is the store's own time in microseconds."""

    requests: int
    charged_at: int
    verdict: Verdict  # of the shared bucket, after the grant


class Store(Protocol):
    """Shared counters. Calls that find everything at hand return without waiting."""

    async def take(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        """Charge every limit in one atomic step, or none when any enforced one denies; raise StoreError."""
        ...

    async def peek(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        """Tell what these charges would meet now, and charge nothing; raise StoreError."""
        ...

    async def grant(self, charge: Charge, sizes: Sequence[int]) -> Grant:
        """Charge the first of the descending `sizes` (in requests) that fits, or nothing; raise StoreError."""
        ...

    async def refund(self, charge: Charge, requests: int, charged_at: int) -> None:
        """Give back granted requests that were not spent; raise StoreError."""
        ...

    async def reset(self, keys: Sequence[bytes]) -> None:
        """Forget the state of these keys, under every limit; raise StoreError."""
        ...

    async def ping(self) -> None:
        """Raise StoreError unless the store answers now."""
        ...

    def health(self) -> ComponentHealth: ...

    async def aclose(self) -> None: ...


class Place(NamedTuple):
    """Where a shared value stands. Both are plain words without braces; a group is forgotten at once."""

    group: bytes
    name: bytes


class Turn(StrEnum):
    """Whose turn it is to fetch what is to stand at a place."""

    FOUND = "found"  # nobody's need: something stands there that the caller has not seen
    OURS = "ours"
    THEIRS = "theirs"
    NOBODYS = "nobodys"  # nobody has it, and nobody need wait for it


class Claimed(NamedTuple):
    """What was found at a place. `mark` is its group's, b"" when it has none: then a value counts for nothing."""

    turn: Turn
    mark: bytes
    value: bytes | None = None


class Book(NamedTuple):
    """What was purged. `noted` holds what stands under each name asked for: `number time`, the latest of its kind.

    `number` is the latest of all purges and `of_tags` the latest of a tag's, 0 when there was none.
    """

    name: bytes
    number: int
    of_tags: int
    noted: tuple[bytes | None, ...]


class Slots(Protocol):
    """Requests in flight, shared: each slot is held under a token until it is left, or nobody renews it any more."""

    async def enter(self, slots: Sequence[Slot], token: bytes) -> tuple[int, ...]:
        """Take every slot, or none when an enforced limit is reached (rules.concurrency.decide); raise StoreError.

        Returns how many requests were in flight before, slot by slot; 0 for those that were not asked about.
        """
        ...

    async def renew(self, held: Sequence[tuple[Slot, bytes]]) -> None:
        """Hold these slots for another lease, also those the store has forgotten; raise StoreError."""
        ...

    async def leave(self, held: Sequence[tuple[Slot, bytes]]) -> None:
        """Give slots back, also ones that are not held; raise StoreError."""
        ...

    async def count(self, slots: Sequence[Slot]) -> tuple[int, ...]:
        """Tell how many requests are in flight under each; raise StoreError."""
        ...


class Values(Protocol):
    """Shared values that may vanish at any time: the second level of the cache. All raise StoreError."""

    async def claim(self, place: Place, seen: bytes, token: bytes, turn_seconds: float) -> Claimed:
        """Read the value unless it begins with the stamp `seen`; then take the turn, unless `token` is empty."""
        ...

    async def keep(self, place: Place, value: bytes, life_seconds: float, mark: bytes, token: bytes) -> bool:
        """Put a value there and end the turn; return False when the group's mark is no longer `mark`."""
        ...

    async def release(self, place: Place, token: bytes, free_seconds: float, *, drop: bool) -> None:
        """End a turn without a value; for `free_seconds` nobody waits for another. `drop`: what stands there goes."""
        ...

    async def forget(self, group: bytes) -> None:
        """Have nothing of a group count any more."""
        ...

    async def purge(self, name: bytes, wall: float, *, of_tag: bool) -> None:
        """Note under `name` a purge made at `wall`, in seconds of the wall clock."""
        ...

    async def purges(self, names: Sequence[bytes]) -> Book:
        """Read what is noted under these names."""
        ...

    async def aclose(self) -> None: ...


Callback = Callable[[bytes], object]


class Bus(Protocol):
    """Messages to every worker of every machine, the sender's own process included; at least once, in order.

    A subscriber is called in the event loop, must not block, and takes a repeated message as one.
    """

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell subscribers of this process now and all others within a second, or as soon as the store is back."""
        ...

    def subscribe(self, topic: str, callback: Callback) -> None: ...

    def on_gap(self, callback: Callable[[], object]) -> None:
        """Call back when messages may have been lost for good, so that state is fetched anew from its source."""
        ...

    async def start(self) -> None: ...

    def health(self) -> ComponentHealth: ...

    async def aclose(self) -> None: ...
