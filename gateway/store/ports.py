"""What the gateway asks of shared state. Every store passes the same contract suite (tests/store).

Nothing here knows where state lives; `open.py` chooses, by the URL in `gateway.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

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


class Values(Protocol):
    """Shared values that may vanish at any time: the second level of the cache. All raise StoreError."""

    async def get(self, key: bytes) -> bytes | None: ...

    async def set(self, key: bytes, value: bytes, ttl_seconds: float) -> None: ...

    async def delete(self, keys: Sequence[bytes]) -> None: ...

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
