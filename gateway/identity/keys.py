"""Keeps the published keys of one issuer at hand, so that judging a token waits for nobody.

They are fetched in the background every `refresh_seconds`, which is also how soon a removed key stops working. A token
that names an unknown key has them fetched once more, at most every `cooldown_seconds`, and all who ask meanwhile share
that one fetch. A fetch that fails changes no key. Nothing a token says decides what is fetched.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

import httpx

from gateway.clock import Clock
from gateway.identity.condition import Condition, Status
from gateway.identity.fetching import FetchFailed, fetch_json
from gateway.identity.jwk import KeySet, PublishedKey, read_key_set
from gateway.identity.signal import Signal
from gateway.registry.snapshot import IssuerPolicy

_MAX_BYTES: Final = 256 * 1024  # 64 keys with certificates beside them
_FETCH_SECONDS: Final = 3.0  # shorter than a route's usual deadline, so that its caller still gets an answer
_FIRST_RETRY_SECONDS: Final = 0.25  # after a failure; the pause doubles up to the next line's
RETRY_SECONDS: Final = 5.0  # so that a removed key stops within a minute though a fetch or two failed


class JwksSource:
    """The keys of one issuer. Live state: it outlives reloads that do not change its policy."""

    def __init__(
        self,
        policy: IssuerPolicy,
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._client = client
        self._clock = clock
        self._jitter = jitter
        self._set = KeySet({})
        self._refreshing: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._closed = False
        self._asked_at = -float("inf")  # monotonic: when an unknown key last made us fetch
        self.changed = Signal()  # sent after each change of the usable keys
        self.ever_fetched = False
        self.condition = Condition("fail", clock.wall(), "not fetched yet")

    def start(self) -> None:
        """Begin to fetch at once and then by schedule, unless begun; needs a running loop. Who starts it closes it."""
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh(), name=f"keys of {self._policy.issuer}")

    async def aclose(self) -> None:
        """Stop; the keys stay usable, and whoever waits for a fetch goes on with what there is."""
        self._closed = True
        tasks = [task for task in (self._refreshing, self._fetching) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def find(self, key_id: str | None, algorithm: str) -> PublishedKey | None:
        """Return the key at hand that a token of this `kid` and `alg` must be signed by."""
        return self._set.keys.get((key_id, algorithm))

    async def obtain(self, key_id: str | None, algorithm: str) -> PublishedKey | None:
        """Return that key, fetching when it is unknown and the cooldown allows; at hand, nothing suspends."""
        key = self.find(key_id, algorithm)
        if key is None and self._fetching is not None:
            await asyncio.wait((self._fetching,))
            key = self.find(key_id, algorithm)
        # That fetch may have begun before the key was published.
        if key is None and (self._fetching is not None or self._may_ask()):
            await asyncio.wait((self._fetching or self._ask(),))
            key = self.find(key_id, algorithm)
        return key

    async def fetch(self) -> None:
        """Fetch now, or join the fetch under way. Never raises: how it went stands in `condition`."""
        # `wait`, not `await task`: whoever asked may go away without ending the fetch that others share.
        await asyncio.wait((self._fetching or self._begin(),))

    def _may_ask(self) -> bool:
        return not self._closed and self._clock.monotonic() - self._asked_at >= self._policy.cooldown_seconds

    def _ask(self) -> asyncio.Task[None]:
        self._asked_at = self._clock.monotonic()
        return self._begin()

    def _begin(self) -> asyncio.Task[None]:
        self._fetching = asyncio.create_task(self._fetch(), name=f"fetch of {self._policy.jwks_url}")
        self._fetching.add_done_callback(self._fetched)
        return self._fetching

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        url, algorithms = self._policy.jwks_url, self._policy.algorithms
        try:
            document = await fetch_json(self._client, url, max_bytes=_MAX_BYTES, timeout_seconds=_FETCH_SECONDS)
            received = read_key_set(document, algorithms)
        except (FetchFailed, ValueError) as error:
            self._turn("warn" if self._set.keys else "fail", f"keys not fetched: {error}")
            return
        self.ever_fetched = True
        self._adopt(received)

    def _adopt(self, received: KeySet) -> None:
        changed = received.keys != self._set.keys
        self._set = received
        usable = len({key.material for key in received.keys.values()})
        self._turn("pass" if usable else "fail", f"{usable} keys usable, {received.skipped} left out")
        if changed:
            self.changed.send()

    def _turn(self, status: Status, detail: str) -> None:
        self.condition = self.condition.turned(status, detail, now=self._clock.wall())

    async def _refresh(self) -> None:
        retry = _FIRST_RETRY_SECONDS
        while True:
            await self.fetch()
            if self.condition.status == "pass":
                pause, retry = self._policy.refresh_seconds, _FIRST_RETRY_SECONDS
            else:
                pause, retry = min(retry, self._policy.refresh_seconds), min(retry * 2, RETRY_SECONDS)
            # Earlier by up to a tenth: workers do not ask in step, and no removed key stays longer than promised.
            await asyncio.sleep(pause * (1 - self._jitter() / 10))
