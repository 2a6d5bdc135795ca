"""Two gateways on one Redis keep one set of stored answers, and ask an agency one for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from gateway.app import Gateway
from gateway.rules.caching.keys import primary_key
from gateway.rules.caching.policy import CachePolicy
from gateway.store.purge import Purge
from gateway.store.shared_responses import SharedCounts, SharedResponses, Standing
from tests.city.agency import Answer, Received
from tests.city.city import ADMIN_TOKEN, City
from tests.pipeline.exam import Exam, Page
from tests.servers import RedisServer
from tests.store.proxy import Proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}
CROWD = 60
FRESH = {"cache-control": "max-age=60"}
# Generous where a test is not about the budget: the machine may be busy with other tests.
SHARING = "store: {{url: '{url}', timeout: {timeout}}}\ncache: {{shared: {{max_body: 100KB}}}}\n"


class Pair:
    """Two gateways of one city; `there` is the second one's client."""

    def __init__(self, exam: Exam, second: Gateway, client: httpx.AsyncClient) -> None:
        self.exam = exam
        self.gateways = (exam.city.gateway, second)
        self._client = client

    async def here(self, page: Page, fields: str = "") -> httpx.Response:
        return await page.get(fields)

    async def there(self, page: Page, **headers: str) -> httpx.Response:
        return await self._client.get(f"/v1/permits{page.path}", headers=headers)

    def counts(self, which: int) -> SharedCounts:
        return self.shared(which).counts

    def shared(self, which: int) -> SharedResponses:
        shared = self.gateways[which].shared_responses
        assert shared is not None
        return shared

    async def settled(self) -> None:
        """Return when nothing is under way in either, towards agencies or the store."""
        for gateway in self.gateways:
            assert gateway.shared_responses is not None
            while gateway.cache.in_flight or gateway.shared_responses.in_flight:
                await asyncio.sleep(0.001)

    def forget_here(self, which: int) -> None:
        """Have one gateway begin with nothing in memory, as a new process would."""
        gateway = self.gateways[which]
        gateway.responses.purge(Purge(), gateway.clock.wall())


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).launch().await_ready()
    yield server
    server.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    extra = SHARING.format(url=redis.url, timeout="5s")
    async with Exam(City(tmp_path_factory.mktemp("shared"), extra=extra)) as exam:
        second, client = await exam.city.join()
        await client.aclose()
        # Each request has a connection of its own: time leaps here, and idle ones are closed when it does.
        once = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=client.base_url, limits=once, timeout=30, trust_env=False) as own:
            yield Pair(exam, second, own)


async def until(promise: object) -> None:
    """Wait for something that is bound to happen."""
    assert callable(promise)
    async with asyncio.timeout(30):
        while not promise():
            await asyncio.sleep(0.001)


class Slow:
    """An agency that answers when it is let."""

    def __init__(self, page: Page, fields: dict[str, str], status: int = 200) -> None:
        self.go = asyncio.Event()
        self._page = page
        self._answer = (status, fields)
        page.answer_later = self.answer

    async def answer(self, _: Received) -> Answer:
        number = len(self._page.asked)
        await self.go.wait()
        return Answer(*self._answer, b"answer %d" % number)


async def ask_both(pair: Pair, page: Page) -> list[asyncio.Task[httpx.Response]]:
    """Have a crowd at each gateway, the first one with the turn and the second one waiting for it."""
    asking = [asyncio.create_task(pair.here(page)) for _ in range(CROWD)]
    await until(lambda: len(page.asked) > 0 and pair.gateways[0].cache.waiting == CROWD - 1)
    waits = pair.counts(1).waits
    asking += [asyncio.create_task(pair.there(page)) for _ in range(CROWD)]
    await until(lambda: pair.counts(1).waits > waits and pair.gateways[1].cache.waiting == CROWD - 1)
    return asking


async def test_crowds_at_two_gateways_are_one_question(pair: Pair) -> None:
    page = pair.exam.page("Cache-Control: max-age=60")
    await pair.here(page)
    await pair.settled()
    pair.exam.wait(61)
    slow = Slow(page, FRESH)
    asking = await ask_both(pair, page)
    slow.go.set()
    assert {reply.text for reply in await asyncio.gather(*asking)} == {"answer 2"}
    assert len(page.asked) == 2


async def test_while_stale_is_allowed_both_answer_at_once_and_one_of_them_asks(pair: Pair) -> None:
    page = pair.exam.page("Cache-Control: max-age=60, stale-while-revalidate=600")
    await pair.here(page)
    await pair.settled()
    await pair.there(page)
    pair.exam.wait(61)
    slow = Slow(page, FRESH)
    waits = pair.counts(0).waits + pair.counts(1).waits
    replies = await asyncio.gather(*(ask(page) for ask in (pair.here, pair.there) for _ in range(CROWD)))
    assert {reply.text for reply in replies} == {"answer 1"}
    await until(lambda: pair.counts(0).waits + pair.counts(1).waits > waits)  # one asks, the other watches
    slow.go.set()
    await pair.settled()
    assert {(await ask(page)).text for ask in (pair.here, pair.there)} == {"answer 2"}
    assert len(page.asked) == 2


async def test_an_answer_says_that_it_came_from_the_store_and_then_is_at_hand(pair: Pair) -> None:
    page = pair.exam.page("Cache-Control: max-age=60 | Vary: Accept-Language")
    await pair.here(page, "Accept-Language: id")
    await pair.settled()
    pair.exam.wait(10)
    first, second = [await pair.there(page, **{"accept-language": "id"}) for _ in range(2)]
    assert first.headers["cache-status"] == "tangerang; hit; ttl=50; detail=store"
    assert second.headers["cache-status"] == "tangerang; hit; ttl=50"
    assert (first.text, first.headers["age"]) == ("answer 1", "10")
    assert (await pair.there(page, **{"accept-language": "en"})).text == "answer 2"


async def test_a_head_and_a_part_are_served_from_the_store_too(pair: Pair) -> None:
    page = pair.exam.page("Cache-Control: max-age=60")
    await pair.here(page)
    await pair.settled()
    part = await pair.there(page, range="bytes=0-2")
    assert (part.status_code, part.text, len(page.asked)) == (206, "ans", 1)


async def test_an_answer_for_one_person_lets_the_other_gateways_crowd_go_and_is_given_to_nobody(pair: Pair) -> None:
    page = pair.exam.page()
    slow = Slow(page, {"cache-control": "private"})
    asking = await ask_both(pair, page)
    slow.go.set()
    replies = await asyncio.gather(*asking)
    assert len({reply.text for reply in replies}) == len(replies) == len(page.asked)


async def test_a_failure_does_not_keep_the_other_gateway_waiting_and_the_stored_answer_stands_in(
    pair: Pair, redis: RedisServer
) -> None:
    page = pair.exam.page("Cache-Control: max-age=60, stale-if-error=600")
    await pair.here(page)
    await pair.settled()
    pair.exam.wait(61)
    slow = Slow(page, {}, 503)
    asking = await ask_both(pair, page)
    slow.go.set()
    replies = await asyncio.gather(*asking)
    assert {reply.text for reply in replies} == {"answer 1"}
    assert all("stale-if-error" in reply.headers["cache-status"] for reply in replies)
    await pair.settled()
    assert not turn_keys(redis)  # nobody is left with the turn
    assert len(page.asked) == 3  # the second gateway had nothing in memory: the store brought it what stands in


async def test_when_whoever_asks_is_gone_another_asks(pair: Pair, redis: RedisServer) -> None:
    page = pair.exam.page("Cache-Control: max-age=60")
    key = primary_key("permits", page.path.encode(), b"", CachePolicy())
    gone: Standing = await pair.shared(0).claim(key)  # by a process that is never heard of again
    assert gone.token
    waits = pair.counts(1).waits
    asking = asyncio.create_task(pair.there(page))
    await until(lambda: pair.counts(1).waits > waits)
    assert not page.asked
    (turn,) = turn_keys(redis)
    assert 0 < int(str(redis.ask("PTTL", turn))) <= 5_000
    redis.ask("PEXPIRE", turn, 1)  # as it does by itself in the end
    assert (await asking).text == "answer 1"


PURGES = ["", "?service=permits", "?tag=fees", "?url=/v1/permits{path}"]


@pytest.mark.parametrize("query", PURGES)
@pytest.mark.parametrize("soft", [False, True])
async def test_a_purge_reaches_what_is_in_the_store(pair: Pair, query: str, soft: bool) -> None:
    page = pair.exam.page('Cache-Control: max-age=600 | Cache-Tag: fees, list | ETag: "v1"')
    await pair.here(page)
    await pair.settled()
    pair.forget_here(1)
    sent = query.format(path=page.path) + (("&" if query else "?") + "soft=true" if soft else "")
    reply = await pair.exam.city.ops.post(f"/admin/cache/purge{sent}", headers=ADMIN)
    assert reply.status_code == 200
    await pair.settled()
    said = (await pair.there(page)).headers["cache-status"]
    assert ("fwd=stale; fwd-status=304" if soft else "fwd=uri-miss; fwd-status=200") in said
    await pair.settled()
    pair.forget_here(0)
    assert "detail=store" in (await pair.here(page)).headers["cache-status"]  # what came after it is shared again


async def test_a_change_through_one_gateway_is_not_undone_from_the_store(pair: Pair) -> None:
    page = pair.exam.page("Cache-Control: max-age=600")
    await pair.here(page)
    await pair.settled()
    await page.get(method="POST")
    await pair.settled()
    assert (await pair.here(page)).text == "answer 3"
    pair.forget_here(1)
    await pair.settled()
    assert (await pair.there(page)).text == "answer 3"


async def test_what_is_a_citizens_own_never_leaves_the_process(pair: Pair, redis: RedisServer) -> None:
    before = all_keys(redis)
    page = pair.exam.page("Cache-Control: private, max-age=600", kind="mine")
    for _ in range(2):
        await page.get(token="siti")
    await pair.settled()
    assert len(page.asked) == 1
    assert all_keys(redis) <= before


async def test_nothing_stays_in_the_store_for_ever(pair: Pair, redis: RedisServer) -> None:
    page = pair.exam.page("Cache-Control: max-age=60, stale-if-error=86400")
    await pair.here(page)
    await pair.settled()
    keys = redis.ask("KEYS", "gw:*")
    assert isinstance(keys, list)
    lives = [int(str(redis.ask("PTTL", key))) for key in keys]
    # A turn may have ended since its key was named (-2); one that never ends would say -1.
    assert all(life == -2 or 0 <= life <= 31 * 86_400_000 for life in lives)
    assert max(lives) > 86_400_000


@pytest.mark.parametrize("damage", ["cut", "changed", "moved"])
async def test_bytes_that_are_not_what_was_put_there_are_never_served(
    pair: Pair, redis: RedisServer, damage: str
) -> None:
    page, other = pair.exam.page("Cache-Control: max-age=600"), pair.exam.page("Cache-Control: max-age=600")
    await pair.here(other)
    await pair.settled()
    theirs = value_keys(redis)
    await pair.here(page)
    await pair.settled()
    (mine,) = value_keys(redis) - theirs
    value = redis.ask("GET", mine)
    assert isinstance(value, bytes)
    damaged = {"cut": value[:-1], "changed": value.replace(b"answer", b"poison")}
    redis.ask("SET", mine, damaged.get(damage) or redis.ask("GET", theirs.pop()), "PX", 60_000)
    refused = pair.counts(1).refused
    assert (await pair.there(page)).text == "answer 2"
    assert pair.counts(1).refused > refused


def turn_keys(redis: RedisServer) -> set[bytes]:
    return {key for key in all_keys(redis) if key.endswith(b":turn") and redis.ask("GET", key) != b"nobody"}


def value_keys(redis: RedisServer) -> set[bytes]:
    return {key for key in all_keys(redis) if not key.endswith((b"}", b":turn"))}


def all_keys(redis: RedisServer) -> set[bytes]:
    keys = redis.ask("KEYS", "gw:v1:{*")
    assert isinstance(keys, list)
    return set(keys)


@pytest.mark.parametrize("trouble", ["dead", "deaf"])
async def test_without_its_store_the_cache_serves_on(redis: RedisServer, tmp_path: Path, trouble: str) -> None:
    async with Proxy(redis.port) as wire:
        database = {"dead": 1, "deaf": 2}[trouble]  # one for each city: whoever shares one shares its answers
        extra = SHARING.format(url=f"{wire.url}/{database}", timeout="50ms")
        async with Exam(City(tmp_path, extra=extra)) as exam:
            page = exam.page("Cache-Control: max-age=60")
            assert (await page.get()).text == "answer 1"
            wire.is_deaf = trouble == "deaf"
            if trouble == "dead":
                wire.target_port = 1
                await wire.cut()
            other = exam.page("Cache-Control: max-age=60")
            assert [(await other.get()).text for _ in range(2)] == ["answer 1"] * 2
            exam.wait(61)
            assert (await page.get()).text == "answer 2"
            assert (await page.get(method="POST")).status_code == 200
            assert (await page.get()).text == "answer 4"
            wire.is_deaf = False
