"""Follows an issuer's list of revocations, so that a logout is refused within a second.

`GET <revocations_url>?after=<int>&wait=<seconds>` is answered at once when there is news after that number, else when
there is some or the wait is over: `{"next": int, "revocations": [{"sid", "expires_at"} | {"sub", "not_before",
"expires_at"}]}`. The first question is `after=0`, whose answer is everything still in force. While the issuer is down
nothing is forgotten and nobody is signed out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import httpx

from gateway.clock import Clock
from gateway.identity.condition import Condition, Status
from gateway.identity.fetching import FetchFailed, fetch_json
from gateway.identity.revocation import Revocation, Revocations
from gateway.identity.token import is_text, is_time
from gateway.registry.snapshot import IssuerPolicy

_WAIT_SECONDS: Final = 10  # also the longest a connection that died unnoticed can hide news, beside the next line
_ANSWER_SECONDS: Final = 5.0  # beyond the wait it asked for, an issuer has this long to answer
_MAX_BYTES: Final = 8 * 1024 * 1024  # all revocations in force, about 80 bytes each
_MOST_AT_FIRST: Final = 100  # the first answer is everything in force, but if that is nothing, the first news
# A logout must be known within a second, also just after the issuer returned or when it ignores `wait`.
_LEAST_PAUSE_SECONDS: Final = 0.1
_MOST_PAUSE_SECONDS: Final = 0.8


class RevocationFeed:
    """Keeps `revocations` up with one issuer while started. `skipped` counts entries that could not be read."""

    def __init__(
        self,
        policy: IssuerPolicy,
        client: httpx.AsyncClient,
        revocations: Revocations,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
        on_news: Callable[[Sequence[Revocation]], object] | None = None,
    ) -> None:
        """`on_news` is told what was not known here yet, but no long list read at first, which everybody reads."""
        if policy.revocations_url is None:
            raise ValueError(f"issuer {policy.issuer} has no revocations_url")
        self._issuer = policy.issuer
        self._url = httpx.URL(policy.revocations_url)
        self._client = client
        self._revocations = revocations
        self._clock = clock
        self._jitter = jitter
        self._on_news = on_news
        self._after = 0
        self._task: asyncio.Task[None] | None = None
        self.skipped = 0
        self.condition = Condition("warn", clock.wall(), "not read yet")

    def start(self) -> None:
        """Begin to follow, unless begun; needs a running loop. Who starts it closes it."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow(), name=f"revocations of {self._issuer}")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _follow(self) -> None:
        pause = _LEAST_PAUSE_SECONDS
        while True:
            before = self._after
            try:
                await self._poll()
            except FetchFailed as error:
                self._turn("warn", str(error))
                pause = min(pause * 2, _MOST_PAUSE_SECONDS)
            else:
                self._turn("pass", "followed")
                pause = _LEAST_PAUSE_SECONDS
                if self._after > before:
                    continue  # there may be more at once
            # Also after an answer without news: an issuer that ignores `wait` must not be asked in a tight loop.
            await asyncio.sleep(pause * (0.5 + self._jitter() / 2))

    async def _poll(self) -> None:
        """Ask once and apply the answer; raise FetchFailed when there is none that can be read."""
        url = self._url.copy_merge_params({"after": str(self._after), "wait": str(_WAIT_SECONDS)})
        timeout = _WAIT_SECONDS + _ANSWER_SECONDS
        document = await fetch_json(self._client, url, max_bytes=_MAX_BYTES, timeout_seconds=timeout)
        following, entries = _read_page(document)
        readable = [entry for entry in (read_entry(self._issuer, each) for each in entries) if entry is not None]
        self.skipped += len(entries) - len(readable)
        news = self._revocations.add(readable)
        if news and (self._after or len(news) <= _MOST_AT_FIRST) and self._on_news is not None:
            self._on_news(news)
        # A number that went back means the issuer lost its list: ask for everything again.
        self._after = following if following >= self._after else 0

    def _turn(self, status: Status, detail: str) -> None:
        self.condition = self.condition.turned(status, detail, now=self._clock.wall())


def read_entry(issuer: str, entry: object) -> Revocation | None:
    """Return the revocation an entry of the list stands for, or None when it is not exactly one."""
    if not isinstance(entry, dict):
        return None
    session, subject = entry.get("sid"), entry.get("sub")
    expires_at, not_before = entry.get("expires_at"), entry.get("not_before")
    if not is_time(expires_at) or (session is None) == (subject is None):
        return None
    if session is not None:
        return Revocation(issuer, "session", session, expires_at) if is_text(session) else None
    if not is_text(subject) or not is_time(not_before):
        return None
    return Revocation(issuer, "subject", subject, expires_at, not_before)


def _read_page(document: object) -> tuple[int, list[object]]:
    members: Mapping[str, object] = document if isinstance(document, dict) else {}
    following, entries = members.get("next"), members.get("revocations")
    if not isinstance(following, int) or isinstance(following, bool) or following < 0:
        raise FetchFailed("no list of revocations: member next is no count")
    if not isinstance(entries, list):
        raise FetchFailed("no list of revocations: member revocations is no array")
    return following, entries
