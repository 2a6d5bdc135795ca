"""What goes to an agency, what comes back, and what never passes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import jwt

from tests.city.agency import Answer, Received
from tests.city.city import City

OPEN = """
    upstream: {targets: TARGETS}
    auth: {mode: none}
    routes:
      - {path: "/v1/permits/{rest:path}", methods: ['*'], max_body: 2MB}
"""
SIGNED_IN = """
    upstream: {targets: TARGETS}
    auth: {mode: required, claims: [name], purpose: to address the citizen}
    routes:
      - {path: "/v1/permits/{rest:path}", methods: ['*']}
"""


async def test_prefix_is_stripped_and_query_and_body_pass(city: City) -> None:
    permits = city.service("permits", OPEN)
    async with city:
        reply = await city.client.post("/v1/permits/a/b?x=1&y=%20", content=b"hello")
    assert reply.status_code == 200
    assert reply.json() == {"ok": True}
    [seen] = permits.received
    assert (seen.method, seen.target, seen.body) == ("POST", "/a/b?x=1&y=%20", b"hello")


async def test_empty_rest_reaches_the_root_of_the_agency(city: City) -> None:
    permits = city.service("permits", OPEN)
    async with city:
        assert (await city.client.get("/v1/permits")).status_code == 200
    assert permits.received[0].target == "/"


async def test_agency_gets_an_assertion_and_never_the_citizens_token(city: City) -> None:
    permits = city.service("permits", SIGNED_IN)
    async with city:
        token = city.issuer.token()
        await city.client.get("/v1/permits/x", headers={"authorization": f"Bearer {token}"})
        jwks = jwt.PyJWKSet.from_json((await city.client.get("/.well-known/jwks.json")).text)
    assertion = (permits.received[0].header("authorization") or "").removeprefix("Bearer ")
    key = jwks[jwt.get_unverified_header(assertion)["kid"]]
    claims = jwt.decode(
        assertion, key, algorithms=["ES256"], audience="permits", options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["iss"] == "http://gateway.test"
    assert claims["sub"] != "citizen-1"
    assert claims["exp"] - claims["iat"] <= 60
    assert claims["name"] == "Siti Aminah"
    assert "nik" not in claims
    assert token.encode() not in permits.raw
    assert b"3671991505900001" not in permits.raw


async def test_two_agencies_see_different_subjects_for_one_citizen(city: City) -> None:
    permits = city.service("permits", SIGNED_IN)
    complaints = city.service("complaints", SIGNED_IN.replace("permits", "complaints"))
    async with city:
        for path in ("/v1/permits/x", "/v1/complaints/x", "/v1/permits/y"):
            await city.client.get(path, headers=city.issuer.bearer())
    subjects = [
        jwt.decode((one.header("authorization") or "")[7:], options={"verify_signature": False})["sub"]
        for one in (*permits.received, *complaints.received)
    ]
    assert subjects[0] == subjects[1] != subjects[2]


async def test_identity_and_forwarding_fields_from_outside_never_pass(city: City) -> None:
    permits = city.service("permits", OPEN)
    forged = {
        "X-User-Id": "1",
        "X-Forwarded-For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "6.6.6.6",
        "Authorization": "Bearer abc",
        "Cookie": "a=b",
        "X_Forwarded_For": "6.6.6.6",
        "Connection": "x-mine",
        "X-Mine": "1",
        "X-App-Version": "3",
    }
    async with city:
        await city.client.get("/v1/permits/x", headers=forged)
    [seen] = permits.received
    assert seen.header("x-app-version") == "3"
    assert seen.header("x-forwarded-for") == "127.0.0.1"
    assert "6.6.6.6" not in str(seen.headers)
    for name in ("x-user-id", "authorization", "cookie", "x_forwarded_for", "x-mine", "x-real-ip"):
        assert seen.header(name) is None


async def test_own_authorization_passes_only_where_the_route_says_so(city: City) -> None:
    permits = city.service("permits", OPEN.replace("mode: none", "mode: none, pass_authorization: true"))
    async with city:
        await city.client.get("/v1/permits/x", headers={"authorization": "Basic b3Bk"})
    assert permits.received[0].header("authorization") == "Basic b3Bk"


async def test_trace_is_carried_on_and_the_request_id_is_told_to_both(city: City) -> None:
    permits = city.service("permits", OPEN)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with city:
        reply = await city.client.get(
            "/v1/permits/x", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "tracestate": "a=1"}
        )
        broken = await city.client.get("/v1/permits/x", headers={"traceparent": "00-zz", "x-request-id": "bad id!"})
    first, second = permits.received
    assert (first.header("traceparent") or "").startswith(f"00-{trace}-")
    assert "00f067aa0ba902b7" not in (first.header("traceparent") or "")
    assert first.header("x-request-id") == reply.headers["x-request-id"]
    assert len(second.header("traceparent") or "") == 55
    assert second.header("x-request-id") == broken.headers["x-request-id"] != "bad id!"


async def test_answers_stream_piece_by_piece(city: City) -> None:
    permits = city.service("permits", OPEN)
    more = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await more.wait()
        yield b"second"

    permits.handler = lambda _: Answer(headers={"content-type": "text/event-stream"}, pieces=pieces)
    async with city, city.client.stream("GET", "/v1/permits/events") as reply:
        arriving = reply.aiter_raw()
        assert await anext(arriving) == b"first"
        more.set()
        assert await anext(arriving) == b"second"


async def test_uploads_stream_while_they_arrive(city: City) -> None:
    permits = city.service("permits", OPEN)
    async with city:

        async def body() -> AsyncIterator[bytes]:
            yield b"a" * 70_000
            while not permits.raw:
                await asyncio.sleep(0.001)  # the agency has begun to read before the client has ended
            yield b"b" * 70_000

        reply = await city.client.post("/v1/permits/upload", content=body())
    assert reply.status_code == 200
    assert permits.received[0].body == b"a" * 70_000 + b"b" * 70_000


async def test_body_over_the_routes_bound_is_refused_before_the_agency_sees_it(city: City) -> None:
    permits = city.service("permits", OPEN.replace("2MB", "1KB"))
    async with city:
        reply = await city.client.post("/v1/permits/x", content=b"x" * 1_001)
    assert reply.status_code == 413
    assert reply.json()["code"] == "body-too-large"
    assert permits.received == []


async def test_agency_is_let_go_when_the_client_leaves(city: City) -> None:
    permits = city.service("permits", OPEN)
    arrived = asyncio.Event()

    async def slow(_: Received) -> Answer:
        arrived.set()
        await asyncio.sleep(3600)
        return Answer()

    permits.handler = slow
    async with city:
        asking = asyncio.create_task(city.client.get("/v1/permits/slow"))
        await arrived.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        while city.gateway.targets.all_health()[0].targets[0].in_flight:
            await asyncio.sleep(0.001)
        assert [line["ending"] for line in city.access_lines()] == ["gone"]


async def test_a_broken_off_answer_stays_visibly_broken(city: City) -> None:
    permits = city.service("permits", OPEN)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionResetError

    permits.handler = lambda _: Answer(pieces=pieces)
    async with city:
        try:
            await city.client.get("/v1/permits/x")
        except httpx.RemoteProtocolError:
            broke = True
        else:
            broke = False
        assert broke
        assert city.access_lines()[0]["ending"] == "broken"


async def test_catalogue_tells_what_the_city_offers(city: City) -> None:
    city.service("permits", OPEN)
    async with city:
        [service] = (await city.client.get("/v1/services")).json()["services"]
    assert service["name"] == "permits"
    assert service["title"]["en"] == "The permits service"
    assert service["routes"][0]["sign_in"] == "none"


async def test_access_line_tells_where_the_time_went_and_nothing_of_the_citizen(city: City) -> None:
    city.service("permits", SIGNED_IN)
    async with city:
        reply = await city.client.get("/v1/permits/3671991505900001?phone=081234567890", headers=city.issuer.bearer())
        [line] = city.access_lines()
    assert line["request_id"] == reply.headers["x-request-id"]
    assert (line["service"], line["route"], line["status"]) == ("permits", "/v1/permits/{rest:path}", 200)
    assert set(line) >= {"trace_id", "total_us", "gateway_us", "agency_us", "cache", "bytes"}
    assert "3671991505900001" not in str(line)
    assert "0812" not in str(line)
