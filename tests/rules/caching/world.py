"""A world of one client, one cache and one agency for the caching rules: the smallest driver there can be, and no I/O.

Time is a number that only `wait` moves. The agency answers with what the test hands it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from gateway.fields import Fields, first
from gateway.rules.caching.dates import format_date
from gateway.rules.caching.decide import lookup, on_error, on_head
from gateway.rules.caching.exchange import Answer, CacheRequest, OriginHead
from gateway.rules.caching.invalidation import invalidated_by
from gateway.rules.caching.keys import PrimaryKey, primary_key
from gateway.rules.caching.policy import ALL_QUERY, CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.verdicts import (
    AskAgain,
    FromCache,
    GatewayTimeout504,
    Miss,
    NeedsValidation,
    NoStale,
    Refreshed,
    Relay,
    ServeStale,
)

NOW: Final = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT
ORIGIN: Final = b"http://permits.internal:8102"
PLAIN: Final = CachePolicy(query=(ALL_QUERY,), origins=frozenset({ORIGIN}))

Source = Literal["cache", "stale", "validated", "origin", "stale-if-error", "failed", "504"]


def fields_of(text: str) -> Fields:
    """Read fields from lines such as `Cache-Control: max-age=60`, one a line; `\\n` splits."""
    pairs = (line.partition(":") for line in text.split("\n") if line.strip())
    return tuple((name.strip().lower().encode(), value.strip(" ").encode("latin-1")) for name, _, value in pairs)


def at(offset_seconds: float) -> str:
    """Write the date that lies `offset_seconds` from the start of a test's time."""
    return format_date(NOW + offset_seconds).decode()


@dataclass(frozen=True)
class Reply:
    """What the agency would say if it were asked."""

    fields: str = ""
    status: int = 200
    body: bytes = b"0123456789"
    date: bool = True
    takes_seconds: float = 0.0


class Dead:
    """The agency does not answer at all."""


@dataclass(frozen=True)
class Seen:
    """What the client got, and what the agency was asked (None: it was not)."""

    source: Source
    answer: Answer
    asked: Fields | None = None
    in_background: bool = False

    @property
    def status(self) -> int:
        return self.answer.status

    def value(self, name: bytes) -> bytes | None:
        return first(self.answer.fields, name)


@dataclass
class World:
    """The store and the clock, between requests."""

    policy: CachePolicy = PLAIN
    now: float = NOW
    stored: dict[PrimaryKey, tuple[StoredResponse, ...]] = field(default_factory=dict)
    asked: int = 0

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def ask(
        self,
        reply: Reply | Dead | None = None,
        *,
        method: bytes = b"GET",
        fields: str = "",
        target: bytes = b"/types",
        authorized: bool = False,
    ) -> Seen:
        """Send one request. Without `reply` the agency must not be needed in the foreground."""
        path, _, query = target.partition(b"?")
        key = primary_key("permits", path, query, self.policy)
        request = CacheRequest(method, key.path, key.query, fields_of(fields), authorized)
        verdict = lookup(request, self.variants(key), self.policy, self.now)
        match verdict:
            case FromCache():
                if verdict.revalidation is not None and reply is not None:
                    self._fetch(key, request, verdict.revalidation, reply)
                source: Source = "stale" if verdict.stale else "cache"
                return Seen(source, verdict.answer, in_background=verdict.revalidate_in_background)
            case GatewayTimeout504():
                return Seen("504", Answer(504, b"", (), b""))
            case Miss() | NeedsValidation():
                assert reply is not None, f"the agency was asked: {verdict}"
                return self._fetch(key, request, verdict, reply)
            case _:
                assert_never(verdict)

    def variants(self, key: PrimaryKey) -> tuple[StoredResponse, ...]:
        return self.stored.get(key, ())

    def purge_softly(self) -> None:
        self.stored = {
            key: tuple(one.marked_stale(self.now) for one in variants) for key, variants in self.stored.items()
        }

    def _fetch(
        self, key: PrimaryKey, request: CacheRequest, verdict: Miss | NeedsValidation, reply: Reply | Dead
    ) -> Seen:
        self.asked += 1
        sent = self.now
        if isinstance(reply, Dead):
            failure = on_error(request, verdict, self.policy, self.now)
            if isinstance(failure, NoStale):
                return Seen("failed", Answer(502, b"", (), b""), verdict.fields)
            return Seen("stale-if-error", failure.answer, verdict.fields)
        self.now += reply.takes_seconds
        head = OriginHead(reply.status, b"", self._dated(reply))
        for target in invalidated_by(request, head, self.policy):
            self.stored.pop(PrimaryKey(key.partition, key.service, *target), None)
        outcome = on_head(
            request,
            verdict,
            head,
            self.variants(key),
            self.policy,
            request_time=sent,
            response_time=self.now,
        )
        match outcome:
            case Relay():
                self._apply(key, outcome.replace, outcome.drop)
                if outcome.storing is not None:
                    whole = outcome.storing.finish(reply.body)
                    if whole is not None:
                        self._put(key, whole)
                body = reply.body if outcome.with_body else b""
                return Seen("origin", Answer(outcome.status, b"", outcome.fields, body), verdict.fields)
            case Refreshed():
                self._apply(key, outcome.replace, outcome.drop)
                return Seen("validated", outcome.answer, verdict.fields)
            case ServeStale():
                return Seen("stale-if-error", outcome.answer, verdict.fields)
            case AskAgain():
                self._apply(key, (), outcome.drop)
                again = Miss(verdict.reason, outcome.fields, collapsible=False)
                return self._fetch(key, request, again, Reply(reply.fields, 200, reply.body))
            case _:
                assert_never(outcome)

    def _dated(self, reply: Reply) -> Fields:
        fields = fields_of(reply.fields)
        if not reply.date or first(fields, b"date") is not None:
            return fields
        return (*fields, (b"date", format_date(self.now)))

    def _put(self, key: PrimaryKey, whole: StoredResponse) -> None:
        others = tuple(one for one in self.variants(key) if one.selecting != whole.selecting)
        self.stored[key] = (whole, *others)

    def _apply(
        self,
        key: PrimaryKey,
        pairs: Iterable[tuple[StoredResponse, StoredResponse]],
        dropped: Iterable[StoredResponse],
    ) -> None:
        news = {id(old): new for old, new in pairs}
        gone = {id(one) for one in dropped}
        kept = tuple(news.get(id(one), one) for one in self.variants(key) if id(one) not in gone)
        self.stored[key] = kept


def went_stale(fields: str, *, policy: CachePolicy = PLAIN, request: str = "", body: bytes = b"0123456789") -> World:
    """Return a world that holds an answer with `fields`, a lifetime of two seconds, and a second too many behind it."""
    world = World(policy)
    world.ask(Reply(f"Cache-Control: max-age=2\n{fields}", body=body), fields=request)
    world.wait(3)
    return world
