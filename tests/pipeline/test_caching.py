"""What is answered from memory, to whom, and for how long."""

from __future__ import annotations

import asyncio

from tests.city.agency import Agency, Answer, Received
from tests.city.city import City

CACHED = """
    upstream: {targets: TARGETS, retries: {attempts: 1}}
    auth: {mode: none}
    routes:
      - path: /v1/permits/types
        methods: [GET]
        cache: {ttl: 10m, stale_while_revalidate: 1m, stale_if_error: 24h, query: [page]}
      - {path: /v1/permits/fresh, methods: [GET], cache: {}}
      - {path: /v1/permits/mine, methods: [GET], auth: {mode: required}, cache: {ttl: 10m, scope: citizen}}
      - {path: /v1/permits/types, methods: [POST]}
"""


def numbered(agency: Agency, **headers: str) -> None:
    """Let every answer differ, so that a stored one is known."""

    def answer(_: Received) -> Answer:
        return Answer(headers=headers, body=b"answer %d" % len(agency.received))

    agency.handler = answer


async def test_the_second_reader_is_answered_from_memory(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits)
    async with city:
        first = await city.client.get("/v1/permits/types")
        city.clock.advance(30)
        second = await city.client.get("/v1/permits/types")
    assert (first.text, second.text) == ("answer 1", "answer 1")
    assert len(permits.received) == 1
    assert "fwd=uri-miss" in first.headers["cache-status"]
    assert "stored" in first.headers["cache-status"]
    assert "hit" in second.headers["cache-status"]
    assert second.headers["age"] == "30"


async def test_stored_answers_are_known_by_validator(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits, etag='"v1"')
    async with city:
        await city.client.get("/v1/permits/types")
        reply = await city.client.get("/v1/permits/types", headers={"if-none-match": '"v1"'})
    assert reply.status_code == 304
    assert reply.headers["etag"] == '"v1"'
    assert len(permits.received) == 1


async def test_stale_page_is_revalidated_not_refetched(city: City) -> None:
    permits = city.service("permits", CACHED)

    def answer(received: Received) -> Answer:
        if received.header("if-none-match") == '"v1"':
            return Answer(304, {"etag": '"v1"', "cache-control": "max-age=60"})
        return Answer(headers={"etag": '"v1"', "cache-control": "max-age=60"}, body=b"page")

    permits.handler = answer
    async with city:
        await city.client.get("/v1/permits/fresh")
        city.clock.advance(61)
        reply = await city.client.get("/v1/permits/fresh")
    assert reply.text == "page"
    assert "fwd-status=304" in reply.headers["cache-status"]
    assert [one.header("if-none-match") for one in permits.received] == [None, '"v1"']


async def test_stale_while_revalidate_answers_at_once_and_renews_behind(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits)
    async with city:
        await city.client.get("/v1/permits/types")
        city.clock.advance(630)
        stale = await city.client.get("/v1/permits/types")
        while len(permits.received) < 2 or city.gateway.cache.in_flight:
            await asyncio.sleep(0.001)
        renewed = await city.client.get("/v1/permits/types")
    assert (stale.text, renewed.text) == ("answer 1", "answer 2")


async def test_a_dead_agencys_last_answer_is_served_and_says_so(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits)
    async with city:
        await city.client.get("/v1/permits/types")
        await permits.stop()
        city.clock.advance(3600)
        reply = await city.client.get("/v1/permits/types")
        nothing = await city.client.get("/v1/permits/types?page=2")
    assert reply.status_code == 200
    assert reply.text == "answer 1"
    assert reply.headers["age"] == "3600"
    assert "stale-if-error" in reply.headers["cache-status"]
    assert nothing.status_code == 503
    assert nothing.json()["source"] == "agency"


async def test_concurrent_misses_ask_once(city: City) -> None:
    permits = city.service("permits", CACHED)
    go = asyncio.Event()

    async def answer(_: Received) -> Answer:
        await go.wait()
        return Answer(body=b"one")

    permits.handler = answer
    async with city:
        asking = [asyncio.create_task(city.client.get("/v1/permits/types")) for _ in range(20)]
        while city.gateway.cache.waiting < 19:
            await asyncio.sleep(0.001)
        go.set()
        replies = await asyncio.gather(*asking)
    assert {one.text for one in replies} == {"one"}
    assert len(permits.received) == 1


async def test_the_answer_outlives_the_client_that_asked_first(city: City) -> None:
    permits = city.service("permits", CACHED)
    go = asyncio.Event()

    async def answer(_: Received) -> Answer:
        await go.wait()
        return Answer(body=b"one")

    permits.handler = answer
    async with city:
        first = asyncio.create_task(city.client.get("/v1/permits/types"))
        while not permits.received:
            await asyncio.sleep(0.001)
        second = asyncio.create_task(city.client.get("/v1/permits/types"))
        while not city.gateway.cache.waiting:
            await asyncio.sleep(0.001)
        first.cancel()
        go.set()
        assert (await second).text == "one"
    assert len(permits.received) == 1


async def test_private_answers_are_never_shared_whatever_the_registry_says(city: City) -> None:
    permits = city.service("permits", CACHED)
    async with city:
        for headers in ({"cache-control": "private"}, {"cache-control": "no-store"}, {"set-cookie": "a=b"}):
            numbered(permits, **headers)
            texts = {(await city.client.get("/v1/permits/types?page=9")).text for _ in range(2)}
            assert len(texts) == 2, headers


async def test_unlisted_query_strings_neither_reach_the_agency_nor_split_the_key(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits)
    async with city:
        for query in ("page=1&utm=a", "page=1&utm=b", "page=2"):
            await city.client.get(f"/v1/permits/types?{query}")
    assert [one.target for one in permits.received] == ["/types?page=1", "/types?page=2"]


async def test_nothing_of_one_citizen_reaches_another(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits)
    async with city:
        one = [(await city.client.get("/v1/permits/mine", headers=city.issuer.bearer("a"))).text for _ in range(2)]
        two = [(await city.client.get("/v1/permits/mine", headers=city.issuer.bearer("b"))).text for _ in range(2)]
    assert one == ["answer 1"] * 2
    assert two == ["answer 2"] * 2


async def test_a_change_makes_what_is_stored_obsolete(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits)
    async with city:
        await city.client.get("/v1/permits/types")
        await city.client.post("/v1/permits/types")
        reply = await city.client.get("/v1/permits/types")
    assert reply.text == "answer 3"


async def test_a_change_outdates_what_it_names_below_the_base_path_of_its_target(city: City) -> None:
    permits = city.service("permits", CACHED)
    async with city:
        based = CACHED.replace("TARGETS", f"['{permits.url}/base']")
        city.write("permits", based.replace("[POST]}", "[POST]}\n      - {path: /v1/permits/forms, methods: [POST]}"))
        assert await city.gateway.reload() == ()
        for location, asked in (("/base/types", 2), ("/types", 1), ("/elsewhere/types", 1), ("types", 2)):
            numbered(permits)
            await city.client.get("/v1/permits/types")
            numbered(permits, location=location)
            await city.client.post("/v1/permits/forms")
            before = len(permits.received)
            await city.client.get("/v1/permits/types")
            assert len(permits.received) - before == asked - 1, location
        assert {one.path for one in permits.received} == {"/base/types", "/base/forms"}


async def test_only_if_cached_never_asks_the_agency(city: City) -> None:
    permits = city.service("permits", CACHED)
    async with city:
        reply = await city.client.get("/v1/permits/types", headers={"cache-control": "only-if-cached"})
    assert reply.status_code == 504
    assert reply.json()["code"] == "nothing-stored"
    assert permits.received == []


async def test_purge_forgets(city: City) -> None:
    permits = city.service("permits", CACHED)
    numbered(permits)
    async with city:
        await city.client.get("/v1/permits/types")
        admin = {"authorization": "Bearer let-me-in-0123456789"}
        purged = await city.ops.post("/admin/cache/purge?service=permits", headers=admin)
        reply = await city.client.get("/v1/permits/types")
    assert purged.json() == {"purged": 1}
    assert reply.text == "answer 2"
