"""One city for many small questions about caching: each page is an address of its own, so none disturbs another.

The clock of the city only goes forward; dates count from the moment a page was told what to say.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

import httpx

from gateway.rules.caching.dates import format_date
from tests.city.agency import Agency, Answer, Received
from tests.city.city import City

PERMITS = """
    upstream: {targets: TARGETS, retries: {attempts: 1}, timeout: {total: 30s}}
    auth: {mode: none}
    routes:
      - {path: "/v1/permits/plain/{rest:path}", methods: [GET, HEAD], cache: {query: ["*"], headers: ["*"]}}
      - {path: "/v1/permits/plain/{rest:path}", methods: [POST, PUT, DELETE, PATCH, OPTIONS]}
      - path: "/v1/permits/ttl/{rest:path}"
        methods: [GET, HEAD]
        cache: {ttl: 10m, stale_while_revalidate: 1m, stale_if_error: 24h, query: [page, q], statuses: {404: 5s}}
      - path: "/v1/permits/passed/{rest:path}"
        methods: [GET]
        auth: {pass_authorization: true}
        cache: {headers: ["*"]}
      - {path: "/v1/permits/known/{rest:path}", methods: [GET], auth: {mode: optional}, cache: {headers: ["*"]}}
      - path: "/v1/permits/mine/{rest:path}"
        methods: [GET]
        auth: {mode: required}
        cache: {scope: citizen, headers: ["*"]}
      - path: "/v1/permits/either/{rest:path}"
        methods: [GET]
        auth: {mode: optional}
        cache: {scope: citizen, headers: ["*"]}
      - {path: "/v1/permits/keyed/{rest:path}", methods: [GET], cache: {headers: [X-City]}}
      - {path: "/v1/permits/small/{rest:path}", methods: [GET], cache: {ttl: 1m, max_body: 100KB}}
      - {path: "/v1/permits/post/{rest:path}", methods: [GET, POST], cache: {}}
"""
_DATE = re.compile(r"@([+-]?\d+)")


@dataclass(slots=True)
class Raw(Answer):
    """An answer written byte by byte; with `cut` the connection ends after it."""

    wire: bytes = b""
    cut: bool = False


class Origin(Agency):
    """An agency that can also answer in its own bytes."""

    @staticmethod
    async def _answer(writer: asyncio.StreamWriter, received: Received, answer: Answer) -> None:
        if not isinstance(answer, Raw):
            await Agency._answer(writer, received, answer)
            return
        writer.write(answer.wire)
        await writer.drain()
        if answer.cut:
            writer.close()


def lines_of(text: str, now: float) -> list[str]:
    """Read fields, one a line or by ` | `; `@-5` stands for the date five seconds ago."""
    dated = _DATE.sub(lambda found: format_date(now + int(found[1])).decode(), text)
    return [line.strip() for line in re.split(r"\n| \| ", dated) if line.strip()]


def pairs_of(text: str, now: float) -> list[tuple[str, str]]:
    """Read fields of a request."""
    parts = (line.partition(":") for line in lines_of(text, now))
    return [(name.strip(), value.strip()) for name, _, value in parts]


class Page:
    """One address: what its agency says there, and what it was asked."""

    def __init__(self, exam: Exam, path: str) -> None:
        self._exam = exam
        self.path = path
        self.asked: list[Received] = []
        self.status = 200
        self.fields = ""
        self.since = exam.city.clock.wall()  # dates in the fields count from here
        self.body: bytes | None = None  # None: a number that grows with each answer
        self.answer: Callable[[Received], Answer] | None = None
        self.answer_later: Callable[[Received], Awaitable[Answer]] | None = None
        self.before: Callable[[], Awaitable[object]] | None = None  # awaited by the agency before it answers

    def says(self, fields: str = "", *, status: int = 200, body: bytes | None = None) -> Page:
        """Have the agency answer so from now on; it compares the validators it is asked with, as real ones do."""
        self.fields, self.status, self.body = fields, status, body
        self.since = self._exam.city.clock.wall()
        return self

    async def get(self, fields: str = "", *, method: str = "GET", query: str = "", token: str = "") -> httpx.Response:
        """Ask the gateway for this page."""
        city = self._exam.city
        headers = pairs_of(fields, self.since)
        if token:
            headers += city.issuer.bearer(token).items()
        return await self._exam.client.request(method, f"/v1/permits{self.path}{query}", headers=headers)

    async def reply(self, received: Received) -> Answer:
        """Answer as the agency."""
        self.asked.append(received)
        if self.before is not None:
            await self.before()
        if self.answer_later is not None:
            return await self.answer_later(received)
        if self.answer is not None:
            return self.answer(received)
        lines = lines_of(self.fields, self.since)
        fields = [line.partition(":")[::2] for line in lines]
        etag = next((value.strip() for name, value in fields if name.lower() == "etag"), None)
        changed = next((value.strip() for name, value in fields if name.lower() == "last-modified"), None)
        same = etag is not None and received.header("if-none-match") == etag
        if received.header("if-none-match") is None:
            same = changed is not None and received.header("if-modified-since") == changed
        body = b"answer %d" % len(self.asked) if self.body is None else self.body
        return Raw(wire=wire(304 if same else self.status, lines, body, is_head=received.method == "HEAD"))


class Exam:
    """The city and its pages."""

    def __init__(self, city: City) -> None:
        self.city = city
        self._numbers = itertools.count(1)
        self._pages: dict[str, Page] = {}
        city.service("permits", PERMITS)
        self.origin = Origin(self._answer)
        city.agencies["permits"] = self.origin
        self.client: httpx.AsyncClient

    async def __aenter__(self) -> Exam:
        await self.city.__aenter__()
        # Each request has a connection of its own: time leaps here, and idle ones are closed when it does.
        once = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self.client = httpx.AsyncClient(base_url=self.city.client.base_url, limits=once, timeout=30, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
        await self.city.__aexit__(kind, error, trace)

    def page(self, fields: str = "", *, kind: str = "plain", status: int = 200, body: bytes | None = None) -> Page:
        """Return a new page whose agency says this."""
        path = f"/{kind}/{next(self._numbers)}"
        page = self._pages[path] = Page(self, path)
        return page.says(fields, status=status, body=body)

    def wait(self, seconds: float) -> None:
        self.city.clock.advance(seconds)

    async def raw(self, page: Page) -> bytes:
        """Ask for a page by hand and return every byte of the answer."""
        url = self.city.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"GET /v1/permits{page.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        try:
            return await reader.read()
        finally:
            writer.close()

    async def settled(self) -> None:
        """Return when the cache does nothing in the background any more."""
        while self.city.gateway.cache.in_flight:
            await asyncio.sleep(0.001)

    async def _answer(self, received: Received) -> Answer:
        return await self._pages[received.path].reply(received)


def wire(status: int, lines: Sequence[str], body: bytes, *, is_head: bool = False) -> bytes:
    """Write a whole answer; a Content-Length among `lines` is taken as it is."""
    head = [f"HTTP/1.1 {status} X", *lines]
    if status not in (204, 304) and not any(line.lower().startswith("content-length:") for line in lines):
        head.append(f"Content-Length: {len(body)}")
    text = "\r\n".join([*head, "", ""]).encode("latin-1")
    return text if is_head or status in (204, 304) else text + body


def verdict(page: Page, reply: httpx.Response, asked_before: int) -> str:
    """Tell in a word how a reply came about: hit, stale, validated, asked, or its error code."""
    if "problem+json" in reply.headers.get("content-type", "") and "code" in reply.text:
        return str(reply.json()["code"])
    said = reply.headers["cache-status"]
    if "; hit" in said:
        return "stale" if "ttl=-" in said or "ttl=0" in said else "hit"
    assert len(page.asked) > asked_before
    assert "; fwd=" in said, said
    return "validated" if "fwd-status=304" in said else "asked"
