"""Agencies that are down, slow or broken; the emergency class; home with a part missing; reload; readiness."""

from __future__ import annotations

import asyncio

from tests.city.agency import Answer, Received
from tests.city.city import City

TWO = """
    upstream: {targets: TARGETS, timeout: {connect: 1s, total: 10s, read: 10s}}
    auth: {mode: none}
    routes:
      - {path: "/v1/permits/{rest:path}", methods: ['*']}
"""
EMERGENCY = """
    upstream: {targets: TARGETS}
    class: emergency
    auth: {mode: optional}
    routes:
      - path: /v1/emergency/incidents
        methods: [POST]
        offline: {posts: [{name: Pos Damkar, tel: "tel:113"}]}
"""
HOME = """
aggregates:
  - path: /v1/home
    auth: {mode: required}
    parts:
      - {name: permits, path: /v1/permits/mine, timeout: 10s, keep_last: 24h}
      - {name: news, path: /v1/news/latest, timeout: 10s}
"""
PERMITS = """
    upstream: {targets: TARGETS, retries: {attempts: 1}}
    auth: {mode: required}
    routes: [{path: /v1/permits/mine, methods: [GET]}]
"""
NEWS = """
    upstream: {targets: TARGETS, retries: {attempts: 1}}
    auth: {mode: none}
    routes: [{path: /v1/news/latest, methods: [GET]}]
"""


async def test_safe_request_is_tried_on_another_target(city: City) -> None:
    city.service("permits", TWO, targets=2)
    async with city:
        await city.agencies["permits"].stop()
        statuses = [(await city.client.get("/v1/permits/x")).status_code for _ in range(6)]
    assert statuses == [200] * 6


async def test_post_is_never_sent_twice(city: City) -> None:
    permits = city.service("permits", TWO)
    permits.handler = lambda _: Answer(hang_up=True)
    async with city:
        reply = await city.client.post("/v1/permits/x", content=b"once")
    assert reply.status_code == 502
    assert reply.json()["source"] == "agency"
    assert len(permits.received) == 1


async def test_dead_agency_is_named_with_its_contact_and_comes_back_by_itself(city: City) -> None:
    permits = city.service("permits", TWO)
    async with city:
        await permits.stop()
        reply = await city.client.get("/v1/permits/x", headers={"accept-language": "en"})
        assert reply.status_code == 503
        problem = reply.json()
        assert problem["code"] == "agency-unavailable"
        assert problem["agency"] == {"name": "Dinas permits", "contact": "021-55764955"}
        assert int(reply.headers["retry-after"]) >= 1
        await permits.start()
        assert (await city.client.get("/v1/permits/x")).status_code == 200


async def test_emergency_passes_with_a_bad_token_and_is_flagged(city: City) -> None:
    emergency = city.service("emergency", EMERGENCY)
    async with city:
        for headers in ({}, {"authorization": "Bearer x"}, city.issuer.bearer(exp=1), city.issuer.bearer()):
            assert (await city.client.post("/v1/emergency/incidents", headers=headers)).status_code == 200
        flags = [line.get("flagged", False) for line in city.access_lines()]
    assert flags == [False, True, True, False]
    assert [one.header("authorization") is not None for one in emergency.received] == [False, False, False, True]


async def test_dead_emergency_backend_says_call_112_first_and_carries_offline_data(city: City) -> None:
    emergency = city.service("emergency", EMERGENCY)
    async with city:
        await emergency.stop()
        reply = await city.client.post("/v1/emergency/incidents", json={"kind": "fire"})
    assert reply.status_code == 503
    problem = reply.json()
    assert next(iter(problem)) == "call"
    assert problem["call"] == "tel:112"
    assert problem["offline"] == {"posts": [{"name": "Pos Damkar", "tel": "tel:113"}]}
    assert "112" in problem["detail"]


async def test_home_answers_with_both_parts(tmp_path: object) -> None:
    city = City(tmp_path, extra=HOME)  # type: ignore[arg-type]
    city.service("permits", PERMITS)
    city.service("news", NEWS)
    async with city:
        home = (await city.client.get("/v1/home", headers=city.issuer.bearer())).json()
    assert home["complete"] is True
    assert {name: part["status"] for name, part in home["parts"].items()} == {"permits": "ok", "news": "ok"}
    assert home["parts"]["news"]["data"] == {"ok": True}


async def test_home_tells_what_is_missing_whose_fault_and_since_when(tmp_path: object) -> None:
    city = City(tmp_path, extra=HOME)  # type: ignore[arg-type]
    permits = city.service("permits", PERMITS)
    news = city.service("news", NEWS)
    async with city:
        bearer = city.issuer.bearer()
        await city.client.get("/v1/home", headers=bearer)
        await permits.stop()
        await news.stop()
        city.clock.advance(120)
        home = (await city.client.get("/v1/home", headers=bearer)).json()
        other = (await city.client.get("/v1/home", headers=city.issuer.bearer("citizen-2"))).json()
    permits_part, news_part = home["parts"]["permits"], home["parts"]["news"]
    assert permits_part["status"] == "stale"
    assert permits_part["age"] == 120
    assert permits_part["data"] == {"ok": True}
    assert permits_part["problem"]["source"] == "agency"
    assert permits_part["problem"]["since"]
    assert news_part["status"] == "missing"
    assert home["missing"] == ["news"]
    assert other["parts"]["permits"]["status"] == "missing"


async def test_a_missing_required_part_fails_the_whole(tmp_path: object) -> None:
    city = City(tmp_path, extra=HOME.replace("name: news,", "name: news, required: true,"))  # type: ignore[arg-type]
    city.service("permits", PERMITS)
    news = city.service("news", NEWS)
    async with city:
        await news.stop()
        reply = await city.client.get("/v1/home", headers=city.issuer.bearer())
    assert reply.status_code == 502
    assert reply.json()["source"] == "agency"


async def test_a_new_service_is_live_after_a_reload_and_requests_under_way_keep_their_edition(city: City) -> None:
    permits = city.service("permits", TWO)
    go = asyncio.Event()

    async def wait(_: Received) -> Answer:
        await go.wait()
        return Answer(body=b"old")

    permits.handler = wait
    async with city:
        under_way = asyncio.create_task(city.client.get("/v1/permits/slow"))
        while not permits.received:
            await asyncio.sleep(0.001)
        city.agencies["library"] = library = type(permits)()
        await library.start()
        city.write("library", NEWS.replace("news", "library"))
        city.file_of("permits").unlink()
        assert await city.gateway.reload() == ()
        assert (await city.client.get("/v1/library/latest")).status_code == 200
        assert (await city.client.get("/v1/permits/slow")).status_code == 404
        go.set()
        assert (await under_way).text == "old"


async def test_a_refused_reload_keeps_the_old_registry_and_shows_everywhere(city: City) -> None:
    city.service("permits", TWO)
    async with city:
        good = city.file_of("permits").read_text()
        city.file_of("permits").write_text(good + "colour: red\n")
        errors = await city.gateway.reload()
        assert len(errors) == 1
        assert "permits.yaml:" in errors[0]
        assert (await city.client.get("/v1/permits/x")).status_code == 200
        ready = await city.ops.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["components"]["registry"]["status"] == "warn"
        assert "colour" in ready.json()["components"]["registry"]["detail"]
        metrics = (await city.ops.get("/metrics")).text
        assert "gateway_registry_refused 1.0" in metrics
        assert "gateway_reloads_refused_total 1.0" in metrics
        city.file_of("permits").write_text(good)
        assert await city.gateway.reload() == ()
        assert (await city.ops.get("/readyz")).json()["components"]["registry"]["status"] == "pass"


async def test_readiness_names_every_component(city: City) -> None:
    permits = city.service("permits", TWO)
    async with city:
        ready = (await city.ops.get("/readyz")).json()
        assert set(ready["components"]) == {"registry", "store", "identity", "permits"}
        await permits.stop()
        for _ in range(5):
            await city.client.get("/v1/permits/x")
        down = await city.ops.get("/readyz")
        assert down.status_code == 200
        assert down.json()["components"]["permits"]["status"] == "fail"


async def test_draining_fails_readiness_and_tells_clients_to_leave(city: City) -> None:
    city.service("permits", TWO)
    async with city:
        city.gateway.drain.draining = True
        assert (await city.ops.get("/readyz")).status_code == 503
        reply = await city.client.get("/v1/permits/x")
    assert reply.headers["connection"] == "close"


async def test_shed_when_a_service_has_no_room_left(city: City) -> None:
    permits = city.service("permits", TWO.replace("targets: TARGETS,", "targets: TARGETS, max_in_flight: 1,"))
    go = asyncio.Event()

    async def wait(_: Received) -> Answer:
        await go.wait()
        return Answer()

    permits.handler = wait
    async with city:
        first = asyncio.create_task(city.client.get("/v1/permits/x"))
        while not permits.received:
            await asyncio.sleep(0.001)
        reply = await city.client.get("/v1/permits/x")
        go.set()
        assert (await first).status_code == 200
    assert reply.status_code == 503
    assert reply.json()["code"] == "overloaded"


async def test_admin_calls_need_the_token(city: City) -> None:
    city.service("permits", TWO)
    async with city:
        assert (await city.ops.post("/admin/reload")).status_code == 401
        good = await city.ops.post("/admin/reload", headers={"authorization": "Bearer let-me-in-0123456789"})
    assert good.json() == {"accepted": True, "errors": []}


async def test_what_nobody_foresaw_is_a_problem_and_logged_whole(city: City) -> None:
    city.service("permits", TWO)
    async with city:
        city.gateway.pipeline._forward = None  # type: ignore[assignment]  # a defect of ours, such as it may be
        reply = await city.client.get("/v1/permits/x")
    assert reply.status_code == 500
    problem = reply.json()
    assert problem["code"] == "internal"
    assert problem["source"] == "gateway"
    assert "Traceback" not in reply.text
    [event] = [one for one in city.events if one["event"] == "unforeseen"]
    assert event["request_id"] == reply.headers["x-request-id"]
