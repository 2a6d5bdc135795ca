"""Messages to every worker of every machine: revocations, purges, registry generations, flags.

They go through one Redis stream. A worker remembers the last message it has read, so one that was cut off reads on from
there; what was trimmed or lost meanwhile (a server restarted empty) it cannot know, and says so (`on_gap`). A failover
may lose what the old primary took in its last moments, untold. A message that cannot be sent waits and is sent when the
store is back; one whose answer was lost is sent again, so subscribers take a repeated message as one. Nothing here
decides anything: a callback's failure is logged and ends nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import Callable
from functools import partial

from gateway.clock import Clock
from gateway.store.dial import Link, list_of, pack, text_of
from gateway.store.ports import Callback, ComponentHealth, StoreError
from gateway.store.router import Router
from gateway.store.scripts import Scripts

# The 1 is the version of a message's fields.
STREAM = b"gw:b1"
_MAX_MESSAGES = 10_000  # days of revocations; a gap is told when it was not enough
_TTL_MILLISECONDS = 24 * 3600 * 1000
_MAX_WAITING = 10_000
_READ = ("COUNT", 256, "BLOCK", 1000)  # blocks for a second at most, so that silence tells of a dead connection
_SILENCE_SECONDS = 2.0
_CONNECT_SECONDS = 0.5
_START_SECONDS = 1.0
_AGAIN_SECONDS = 0.3  # so that a store which returns is heard within a second; shortened by up to half at random

_log = logging.getLogger(__name__)


class MemoryBus:
    """Messages within one process."""

    def __init__(self, clock: Clock) -> None:
        self._since = clock.wall()
        self._subscribers = _Subscribers()

    def publish(self, topic: str, payload: bytes) -> None:
        self._subscribers.tell(topic, payload)

    def subscribe(self, topic: str, callback: Callback) -> None:
        self._subscribers.add(topic, callback)

    def on_gap(self, callback: Callable[[], object]) -> None:
        """Within a process no message is lost."""

    async def start(self) -> None:
        return None

    def health(self) -> ComponentHealth:
        return ComponentHealth("pass", self._since, "this process only")

    async def aclose(self) -> None:
        return None


class RedisBus:
    """Messages over a stream. The sender's own subscribers are told at once, and not again when it comes round."""

    def __init__(self, router: Router, scripts: Scripts, clock: Clock) -> None:
        self._router = router
        self._publish_sha = scripts.publish.sha
        self._clock = clock
        self._sender = secrets.token_bytes(8)
        self._subscribers = _Subscribers()
        self._gap_callbacks: list[Callable[[], object]] = []
        self._outbox: deque[tuple[bytes, bytes]] = deque()
        self._has_mail = asyncio.Event()
        self._is_listening = asyncio.Event()
        self._began_deaf = False
        self._last_id: bytes | None = None
        self._since = clock.wall()
        self._reason = ""
        self._tasks: list[asyncio.Task[None]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        self._subscribers.tell(topic, payload)
        if len(self._outbox) >= _MAX_WAITING:
            self._outbox.popleft()
            _log.error("bus: the store has been away for so long that the oldest message is dropped")
        self._outbox.append((topic.encode(), payload))
        self._has_mail.set()

    def subscribe(self, topic: str, callback: Callback) -> None:
        self._subscribers.add(topic, callback)

    def on_gap(self, callback: Callable[[], object]) -> None:
        self._gap_callbacks.append(callback)

    async def start(self) -> None:
        """Begin to read and send; a store that is away is waited for in the background, and `on_gap` is called then.

        What was published before is not read: state is fetched from its source at start.
        """
        if self._tasks:
            return
        self._tasks = [asyncio.create_task(self._read_forever()), asyncio.create_task(self._send_forever())]
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._is_listening.wait()
        except TimeoutError:
            self._began_deaf = True

    def health(self) -> ComponentHealth:
        if self._reason:
            return ComponentHealth("warn", self._since, self._reason)
        return ComponentHealth("pass", self._since, f"{len(self._outbox)} messages waiting")

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._router.aclose()

    # --- sending ---

    async def _send_forever(self) -> None:
        while True:
            await self._has_mail.wait()
            self._has_mail.clear()
            while self._outbox:
                topic, payload = self._outbox[0]
                try:
                    await self._router.call(STREAM, self._packed(topic, payload))
                except StoreError:
                    await _pause()
                    continue
                # The oldest may have been dropped while we waited, and then this one is sent already.
                if self._outbox and self._outbox[0] == (topic, payload):
                    self._outbox.popleft()

    def _packed(self, topic: bytes, payload: bytes) -> bytes:
        limits = (_MAX_MESSAGES, _TTL_MILLISECONDS)
        return pack("EVALSHA", self._publish_sha, 1, STREAM, *limits, self._sender, topic, payload)

    # --- reading ---

    async def _read_forever(self) -> None:
        while True:
            try:
                await self._read_until_cut_off()
            except Exception as error:  # the search goes on
                if not self._reason:
                    self._since = self._clock.wall()
                self._reason = f"cut off: {error or type(error).__name__}"
            await _pause()

    async def _read_until_cut_off(self) -> None:
        async with asyncio.timeout(_CONNECT_SECONDS):
            link = await self._router.connect(STREAM)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._find_place(link)
            self._is_listening.set()
            if self._reason:
                self._reason, self._since = "", self._clock.wall()
            while True:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    reply = await link.ask(pack("XREAD", *_READ, "STREAMS", STREAM, self._last_id or b"0-0"))
                for _, entries in map(list_of, list_of(reply or [])):
                    for entry in list_of(entries):
                        self._receive(entry)
        finally:
            await link.hang_up()

    async def _find_place(self, link: Link) -> None:
        """At first, begin after the newest message. Later, tell whether messages were lost since the last one read."""
        newest = await self._edge(link, "XREVRANGE", b"+", b"-")
        if self._last_id is None:
            self._last_id = newest
            if self._began_deaf:
                self._tell_gap()
            return
        oldest = await self._edge(link, "XRANGE", b"-", b"+")
        if _order(newest) < _order(self._last_id):
            # Another stream than the one we read: restarted empty, or a replica that had not heard the latest.
            self._last_id = b"0-0"
            self._tell_gap()
        elif self._last_id != b"0-0" and _order(oldest) > _order(self._last_id):
            self._tell_gap()

    async def _edge(self, link: Link, command: str, start: bytes, stop: bytes) -> bytes:
        entries = list_of(await link.ask(pack(command, STREAM, start, stop, "COUNT", 1)))
        return text_of(list_of(entries[0])[0]).encode() if entries else b"0-0"

    def _receive(self, entry: object) -> None:
        identifier, fields = list_of(entry)
        self._last_id = text_of(identifier).encode()
        pairs = iter(list_of(fields))
        message = dict(zip(pairs, pairs, strict=True))
        sender, topic, payload = message.get(b"s"), message.get(b"t"), message.get(b"p")
        if sender != self._sender and isinstance(topic, bytes) and isinstance(payload, bytes):
            self._subscribers.tell(topic.decode(errors="replace"), payload)

    def _tell_gap(self) -> None:
        for callback in self._gap_callbacks:
            _call(callback)


class _Subscribers:
    """Callbacks by topic."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}

    def add(self, topic: str, callback: Callback) -> None:
        self._callbacks.setdefault(topic, []).append(callback)

    def tell(self, topic: str, payload: bytes) -> None:
        for callback in self._callbacks.get(topic, ()):
            _call(partial(callback, payload))


def _call(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        _log.exception("bus: a subscriber failed")


async def _pause() -> None:
    await asyncio.sleep(_AGAIN_SECONDS * (1 - random.random() / 2))  # noqa: S311  # jitter, no secret


def _order(identifier: bytes) -> tuple[int, int]:
    """Make stream ids comparable: milliseconds, then sequence."""
    milliseconds, _, sequence = identifier.partition(b"-")
    return int(milliseconds), int(sequence)
