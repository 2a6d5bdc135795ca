"""The usual request's shortcut: quicker than the whole way, and never another answer."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from gateway.edge.usual import without_traceparent
from gateway.pipeline.call import Call
from gateway.pipeline.passage import Passage
from gateway.pipeline.shortcut import Shortcuts
from tests.city.agency import Agency, Answer, Received
from tests.city.city import City
from tests.servers import RedisServer

ROUTES = """
    upstream: {targets: TARGETS, max_in_flight: 3, timeout: {total: 5s}}
    auth: {mode: required, claims: [name], purpose: Menyapa pemohon dengan namanya}
    rate_limit: {limit: 60, every: 1m, by: citizen}
    routes:
      - {path: "/v1/permits/{rest:path}", methods: ['*']}
"""
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# What differs from request to request by itself.
MOMENT = re.compile(rb"(?i)\r\n(x-request-id|traceparent|authorization|date|ratelimit): [^\r]*")


def taken(city: City) -> int:
    """How many requests went by a shortcut so far."""
    return city.gateway.lane.usual.taken


def permits(city: City) -> Agency:
    return city.service("permits", ROUTES)


async def learn(city: City, headers: dict[str, str], *, method: str = "GET", content: bytes | None = None) -> None:
    """Have a request learned: twice seen, it is known from then on."""
    for _ in range(2):
        assert (await city.client.request(method, "/v1/permits/x", headers=headers, content=content)).status_code == 200


async def test_an_agency_sees_the_same_request_by_the_shortcut(city: City) -> None:
    agency = permits(city)
    async with city:
        headers = city.issuer.bearer()
        answers = [await city.client.get("/v1/permits/x?a=b", headers=headers) for _ in range(4)]
        assert taken(city) > 0
        heads = [MOMENT.sub(b"", head) for head in bytes(agency.raw).split(b"\r\n\r\n") if head]
        assert len(heads) == 4
        assert len({frozenset(head.lower().split(b"\r\n")) for head in heads}) == 1
        ids = [answer.headers["x-request-id"] for answer in answers]
        assert len(set(ids)) == 4
        assert ids == [received.header("x-request-id") for received in agency.received]
        told = {received.header("authorization") for received in agency.received}
        claims = jwt.decode(str(told.pop())[7:], options={"verify_signature": False})
        assert (claims["aud"], claims["name"], not told) == ("permits", "Siti Aminah", True)
        assert [answer.headers["ratelimit"] for answer in answers] == [
            f'"{answers[0].headers["ratelimit"].split(chr(34))[1]}";r={left};t={60 - left}' for left in (59, 58, 57, 56)
        ]
        names = [[name for name in answer.headers if name != "date"] for answer in answers]
        assert len({frozenset(each) for each in names}) == 1
        lines = [line for line in city.access_lines() if line["service"] == "permits"]
        assert {(line["status"], line["bytes"], line["route"]) for line in lines} == {
            (200, 11, "/v1/permits/{rest:path}")
        }


async def test_a_fresh_trace_is_carried_on_with_a_parent_of_our_own(city: City) -> None:
    agency = permits(city)
    async with city:
        headers = city.issuer.bearer()
        sent = [TRACE.replace("4bf9", f"{number:04x}") for number in range(1, 5)]
        for trace in sent:
            assert (await city.client.get("/v1/permits/x", headers=headers | {"traceparent": trace})).status_code == 200
        assert taken(city) > 0
        told = [str(received.header("traceparent")) for received in agency.received]
        assert [trace[:35] for trace in told] == [trace[:35] for trace in sent]
        assert all(ours[36:52] != theirs[36:52] for ours, theirs in zip(told, sent, strict=True))


@pytest.mark.parametrize(
    "line",
    [
        f"traceparent: {TRACE[:-1]}",
        f"traceparent: {TRACE.upper()}",
        f"traceparent:  {TRACE}",
        f"traceparent: {TRACE}x",
        "traceparent: 00-" + "0" * 32 + TRACE[35:],
        f"Traceparent: {TRACE}",
    ],
)
def test_only_a_valid_traceparent_is_cut_out(line: str) -> None:
    head = f"GET / HTTP/1.1\r\nhost: x\r\n{line}\r\n\r\n".encode()
    assert without_traceparent(head) == (head, None)


def test_a_head_is_the_same_without_its_traceparent_wherever_that_stands() -> None:
    for head in (
        f"GET / HTTP/1.1\r\ntraceparent: {TRACE}\r\nhost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nhost: x\r\ntraceparent: {TRACE}\r\n\r\n",
    ):
        assert without_traceparent(head.encode()) == (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", TRACE.encode())


async def test_a_second_traceparent_makes_both_void_by_either_way(city: City) -> None:
    agency = permits(city)
    async with city:
        pairs = [*city.issuer.bearer().items(), ("traceparent", TRACE), ("Traceparent", TRACE)]
        await learn(city, city.issuer.bearer() | {"traceparent": TRACE})
        for _ in range(4):
            assert (await city.client.get("/v1/permits/x", headers=pairs)).status_code == 200
        assert all(TRACE[:35] not in str(received.header("traceparent")) for received in agency.received[2:])


async def test_a_session_that_ended_is_refused_though_its_bytes_are_known(city: City) -> None:
    permits(city)
    async with city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        city.issuer.revoke("session-of-citizen-1")
        async with asyncio.timeout(10):
            while (answer := await city.client.get("/v1/permits/x", headers=headers)).status_code == 200:
                await asyncio.sleep(0.01)
        assert (answer.status_code, answer.json()["code"]) == (401, "session-ended")


async def test_a_token_that_expired_is_refused_though_its_bytes_are_known(city: City) -> None:
    permits(city)
    async with city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        city.clock.advance(950)
        assert (await city.client.get("/v1/permits/x", headers=headers)).status_code == 401


async def test_an_assertion_is_renewed_before_it_expires(city: City) -> None:
    agency = permits(city)
    async with city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        for _ in range(5):
            city.clock.advance(25)
            assert (await city.client.get("/v1/permits/x", headers=headers)).status_code == 200
            claims = jwt.decode(
                str(agency.received[-1].header("authorization"))[7:], options={"verify_signature": False}
            )
            assert claims["exp"] - city.clock.wall() >= 29


async def test_a_reload_ends_what_was_learned(city: City) -> None:
    permits(city)
    async with city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        city.write("permits", ROUTES.replace("{rest:path}", "other"))
        assert await city.gateway.reload() == ()
        assert (await city.client.get("/v1/permits/x", headers=headers)).status_code == 404


async def test_a_limit_is_exact_over_both_ways(city: City) -> None:
    agency = permits(city)
    async with city:
        headers = city.issuer.bearer()
        answers = [await city.client.get("/v1/permits/x", headers=headers) for _ in range(70)]
        assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 10
        assert len(agency.received) == 60
        assert answers[-1].headers["retry-after"] == "1"


async def test_one_address_in_place_of_another_is_told_to_the_agency_and_counted(tmp_path: Path) -> None:
    city = City(tmp_path, server=", trusted_proxies: [127.0.0.1/32]")
    agency = city.service("permits", ROUTES.replace("by: citizen", "by: address"))
    async with city:
        for address in ("203.0.113.7", "203.0.113.7", "203.0.113.7", "203.0.113.9"):
            headers = city.issuer.bearer() | {"x-forwarded-for": address}
            answer = await city.client.get("/v1/permits/x", headers=headers)
            assert agency.received[-1].header("x-forwarded-for") == address
        assert "r=59" in answer.headers["ratelimit"]


@pytest.mark.parametrize("status", [204, 304, 404, 500])
async def test_any_status_passes_by_the_shortcut_as_by_the_whole_way(city: City, status: int) -> None:
    agency = permits(city)
    async with city:
        headers = city.issuer.bearer()
        agency.handler = lambda _: Answer(status, {"etag": '"1"'}, body=b"{}")
        whole = await city.client.get("/v1/permits/x", headers=headers)
        await city.client.get("/v1/permits/x", headers=headers)
        short = await city.client.get("/v1/permits/x", headers=headers)
        assert taken(city) == 1
        assert (short.status_code, short.content) == (whole.status_code, whole.content)
        assert short.headers.keys() == whole.headers.keys()
        assert city.gateway.pipeline.in_flight("permits") == 0


async def test_an_answer_that_streams_goes_on_by_the_whole_way(city: City) -> None:
    agency = permits(city)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 50_000

    async with city:
        headers = city.issuer.bearer()
        agency.handler = lambda _: Answer(pieces=pieces)
        for _ in range(4):
            answer = await city.client.get("/v1/permits/x", headers=headers)
            assert answer.content == b"x" * 150_000
        assert taken(city) == 2
        assert city.gateway.pipeline.in_flight("permits") == 0


async def test_a_kept_connection_that_was_lost_is_tried_again_where_that_is_safe(city: City) -> None:
    agency = permits(city)
    async with city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        await learn(city, headers, method="POST", content=b"{}")
        await learn(city, headers, method="PUT", content=b"[1]")
        for method, content, status in (("GET", None, 200), ("PUT", b"[1]", 200), ("POST", b"{}", 502)):
            before, lost = len(agency.received), [True]
            agency.handler = lambda _, lost=lost: Answer(hang_up=bool(lost) and lost.pop())  # type: ignore[misc]
            answer = await city.client.request(method, "/v1/permits/x", headers=headers, content=content)
            assert answer.status_code == status
            seen = [received.body for received in agency.received[before:]]
            assert seen == [content or b""] * (2 if status == 200 else 1)
        assert taken(city) == 3
        assert city.gateway.pipeline.in_flight("permits") == 0


async def test_bodies_reach_the_agency_whole_and_in_order(city: City) -> None:
    agency = permits(city)
    async with city:
        headers = city.issuer.bearer()
        bodies = [b"%04d" % number for number in range(8)]
        for body in bodies:
            assert (await city.client.post("/v1/permits/x", headers=headers, content=body)).status_code == 200
        assert taken(city) > 0
        assert [received.body for received in agency.received] == bodies


async def test_requests_sent_ahead_and_in_pieces_are_told_apart(city: City) -> None:
    """A body is what its head announced, however the bytes arrive (RFC 9112 section 6.3)."""
    agency = permits(city)
    async with city:
        head = (
            f"POST /v1/permits/x HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {city.issuer.token()}\r\n"
            "content-length: 4\r\n\r\n"
        ).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", city.client.base_url.port)

        async def answers(count: int) -> None:
            for _ in range(count):
                text = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                assert text.startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(11) == b'{"ok":true}'

        for body in (b"0001", b"0002", b"0003"):
            writer.write(head + body)
            await answers(1)
        smuggled = b"GET "  # what another reading would take for a request is a body
        writer.write(head + smuggled + head + b"0005" + head + b"0006")
        await answers(3)
        for cut in (1, len(head) - 1, len(head), len(head) + 1, len(head) + 3):
            whole = head + b"%04d" % cut
            writer.write(whole[:cut])
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(whole[cut:] + head + b"last")
            await answers(2)
        writer.close()
        await writer.wait_closed()
        bodies = [received.body for received in agency.received]
        assert bodies[:6] == [b"0001", b"0002", b"0003", b"GET ", b"0005", b"0006"]
        assert bodies[7::2] == [b"last"] * 5
        assert taken(city) >= 8


async def test_no_more_are_in_flight_than_the_service_takes(city: City) -> None:
    agency, hold = permits(city), asyncio.Event()

    async def wait(_: Received) -> Answer:
        await hold.wait()
        return Answer()

    async with city:
        headers = city.issuer.bearer()
        await asyncio.gather(*(learn(city, headers) for _ in range(3)))
        agency.handler = wait
        waiting = [asyncio.create_task(city.client.get("/v1/permits/x", headers=headers)) for _ in range(3)]
        async with asyncio.timeout(10):
            while city.gateway.pipeline.in_flight("permits") < 3:
                await asyncio.sleep(0.01)
        assert (await city.client.get("/v1/permits/x", headers=headers)).status_code == 503
        hold.set()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
        assert city.gateway.pipeline.in_flight("permits") == 0


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).launch().await_ready()
    yield server
    server.kill()


@pytest.fixture
def counted(redis: RedisServer, tmp_path: Path) -> City:
    """A city whose limits are counted in Redis; each test has citizens of its own."""
    redis.ask("FLUSHALL")
    return City(tmp_path, extra=f"store: {{url: '{redis.url}', timeout: 5s}}\n")


async def test_limits_in_the_store_are_exact_by_the_shortcut_too(counted: City) -> None:
    agency = counted.service("permits", ROUTES.replace("every: 1m", "every: 24h"))
    async with counted as city:
        headers = city.issuer.bearer()
        answers = [await city.client.get("/v1/permits/x", headers=headers) for _ in range(64)]
        assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 4
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers[:60]] == [
            f"r={left}" for left in range(59, -1, -1)
        ]
        assert len(agency.received) == 60
        assert taken(city) > 60
        refused = answers[-1]
        assert (refused.json()["code"], refused.headers.keys()) == ("quota-exceeded", answers[60].headers.keys())
        assert len({answer.headers["x-request-id"] for answer in answers}) == 64


async def test_many_at_once_that_the_store_counts_find_no_idle_connection_and_are_answered(counted: City) -> None:
    counted.service("permits", ROUTES.replace("max_in_flight: 3", "max_in_flight: 100"))
    async with counted as city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        asked = [city.client.get("/v1/permits/x", headers=headers) for _ in range(20)]
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        assert taken(city) == 20
        assert city.gateway.pipeline.in_flight("permits") == 0


async def test_without_the_store_the_shortcut_does_what_the_limit_declares(counted: City, redis: RedisServer) -> None:
    limit = "on_store_failure: closed, limit: 60"
    counted.service("permits", ROUTES.replace("limit: 60", limit))
    async with counted as city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        redis.kill()
        try:
            refused = await city.client.get("/v1/permits/x", headers=headers)
        finally:
            redis.launch().await_ready()
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert taken(city) == 1
        assert city.gateway.pipeline.in_flight("permits") == 0


@pytest.mark.parametrize("kind", ["city", "counted"])
async def test_a_client_that_leaves_frees_its_place_and_its_agency(request: pytest.FixtureRequest, kind: str) -> None:
    city: City = request.getfixturevalue(kind)
    agency, hold = permits(city), asyncio.Event()

    async def wait(_: Received) -> Answer:
        hold.set()
        await asyncio.sleep(60)
        return Answer()

    async with city:
        headers = city.issuer.bearer()
        await learn(city, headers)
        agency.handler = wait
        async with httpx.AsyncClient(
            base_url=city.client.base_url, trust_env=False, headers=city.client.headers
        ) as one:
            asked = asyncio.create_task(one.get("/v1/permits/x", headers=headers))
            await hold.wait()
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        async with asyncio.timeout(10):
            while city.gateway.pipeline.in_flight("permits"):
                await asyncio.sleep(0.01)
        assert taken(city) > 0
        assert [line["ending"] for line in city.access_lines() if line["service"] == "permits"][-1] == "gone"


async def test_an_agency_that_does_not_answer_in_time_is_given_up(city: City) -> None:
    agency, hold = permits(city), asyncio.Event()

    async def wait(_: Received) -> Answer:
        hold.set()
        await asyncio.sleep(60)
        return Answer()

    async with city:
        headers = city.issuer.bearer()
        await learn(city, headers, method="POST", content=b"{}")
        agency.handler = wait
        asked = asyncio.create_task(city.client.post("/v1/permits/x", headers=headers, content=b"{}"))
        await hold.wait()
        city.clock.advance(6)
        answer = await asked
        assert (answer.status_code, answer.json()["source"]) == (504, "agency")
        assert taken(city) == 1
        assert city.gateway.pipeline.in_flight("permits") == 0


class Faulty:
    """Shortcuts that break where nobody foresees it."""

    def __init__(self, good: Shortcuts) -> None:
        self._good = good

    def __getattr__(self, name: str) -> object:
        return getattr(self._good, name)

    def arrived(self, _: Passage) -> bool:
        raise ZeroDivisionError


async def test_a_fault_of_ours_ends_the_clients_connection_and_nobody_elses(city: City) -> None:
    agency = permits(city)
    async with city:
        city.gateway.pipeline.shortcuts = Faulty(city.gateway.pipeline.shortcuts)  # type: ignore[assignment]
        headers = city.issuer.bearer()
        await learn(city, headers)
        with pytest.raises(httpx.RemoteProtocolError):
            await city.client.get("/v1/permits/x", headers=headers)
        assert [event["error"] for event in city.events if event["level"] == "error"] == ["ZeroDivisionError()"]
        assert (await city.client.get("/v1/permits/y", headers=headers)).status_code == 200
        assert len(agency.received) == 4


async def test_strangers_teach_nothing(city: City) -> None:
    city.service(
        "permits",
        ROUTES.replace("mode: required, claims: [name], purpose: Menyapa pemohon dengan namanya", "mode: none"),
    )
    async with city:
        for _ in range(4):
            assert (await city.client.get("/v1/permits/x")).status_code == 200
        assert city.gateway.lane.usual.counters().size == 0


class Forgetful:
    """Shortcuts that nobody ever learns."""

    def learn(self, _: Call) -> None: ...


async def test_for_any_history_the_answers_are_those_of_a_gateway_without_shortcuts(city: City) -> None:
    """One long history; what was remembered of its beginning is there at its end."""
    agency, chance = permits(city), random.Random(20261124)
    traces = [None, "nonsense", TRACE, TRACE.replace("4bf9", "0001"), TRACE.replace("4bf9", "0002")]
    async with city:
        other, plain = await city.join()
        other.pipeline.shortcuts = Forgetful()  # type: ignore[assignment]
        tokens = [city.issuer.bearer(f"citizen-{number}") for number in range(2)] + [{}]
        for _ in range(150):
            method, trace = chance.choice(["GET", "POST", "DELETE"]), chance.choice(traces)
            headers = chance.choice(tokens) | ({"traceparent": trace} if trace is not None else {})
            content = chance.choice([b"{}", b"[1]"]) if method == "POST" else None
            told: list[object] = []
            for client in (city.client, plain):
                agency.received.clear()
                answer = await client.request(method, "/v1/permits/x", headers=headers, content=content)
                told.append((answer.status_code, answer.headers.get("ratelimit"), frozenset(answer.headers)))
                for received in agency.received:
                    carried = trace is not None and trace[:35] in str(received.header("traceparent"))
                    told.append((received.method, received.body, carried, {name for name, _ in received.headers}))
            assert told[: len(told) // 2] == told[len(told) // 2 :]
            city.clock.advance(1)
        assert taken(city) > 50
    await plain.aclose()
