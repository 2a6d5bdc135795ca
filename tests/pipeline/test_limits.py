"""Budgets: who shares one, who does not, and what is said when it is spent."""

from __future__ import annotations

from tests.city.city import City

LIMITED = """
    upstream: {targets: TARGETS}
    auth: {mode: optional}
    rate_limit: {limit: 60, every: 1m, burst: 3, by: BY}
    routes:
      - {path: /v1/permits/a, methods: [GET]}
      - {path: /v1/permits/free, methods: [GET], rate_limit: none}
"""


def limited(by: str) -> str:
    return LIMITED.replace("BY", by)


async def test_burst_then_429_then_one_more_when_it_says(city: City) -> None:
    permits = city.service("permits", limited("citizen"))
    async with city:
        bearer = city.issuer.bearer()
        replies = [await city.client.get("/v1/permits/a", headers=bearer) for _ in range(4)]
        assert [one.status_code for one in replies] == [200, 200, 200, 429]
        assert len(permits.received) == 3
        refused = replies[3]
        assert refused.json()["code"] == "quota-exceeded"
        assert refused.headers["retry-after"] == "1"
        assert "r=2" in replies[0].headers["ratelimit"]
        assert "r=0" in refused.headers["ratelimit"]
        assert "q=60" in refused.headers["ratelimit-policy"]
        city.clock.advance(1)
        assert (await city.client.get("/v1/permits/a", headers=bearer)).status_code == 200


async def test_citizens_behind_one_address_do_not_share_a_budget(city: City) -> None:
    city.service("permits", limited("citizen"))
    async with city:
        for citizen in ("citizen-1", "citizen-2"):
            replies = [
                (await city.client.get("/v1/permits/a", headers=city.issuer.bearer(citizen))).status_code
                for _ in range(3)
            ]
            assert replies == [200, 200, 200]


async def test_a_stranger_under_a_citizens_limit_is_counted_by_address(city: City) -> None:
    city.service("permits", limited("citizen"))
    async with city:
        statuses = [(await city.client.get("/v1/permits/a")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert (await city.client.get("/v1/permits/a", headers=city.issuer.bearer())).status_code == 200


async def test_an_address_cannot_be_chosen_by_the_client(city: City) -> None:
    city.service("permits", limited("address"))
    async with city:
        statuses = [
            (await city.client.get("/v1/permits/a", headers={"x-forwarded-for": f"10.0.0.{number}"})).status_code
            for number in range(4)
        ]
    assert statuses == [200, 200, 200, 429]


async def test_a_trusted_proxys_word_is_taken(tmp_path: object) -> None:
    city = City(tmp_path, server=", trusted_proxies: [127.0.0.0/8]")  # type: ignore[arg-type]
    city.service("permits", limited("address"))
    async with city:
        statuses = [
            (await city.client.get("/v1/permits/a", headers={"x-forwarded-for": f"10.0.0.{number}"})).status_code
            for number in range(4)
        ]
    assert statuses == [200] * 4


async def test_claims_headers_routes_and_services_have_budgets_of_their_own(city: City) -> None:
    city.service("permits", limited("claim:kk"))
    city.service("complaints", limited("header:x-device").replace("permits", "complaints"))
    city.service("library", limited("route").replace("permits", "library"))
    city.service("park", limited("service").replace("permits", "park"))
    async with city:
        for citizen in ("citizen-1", "citizen-2"):
            reply = await city.client.get("/v1/permits/a", headers=city.issuer.bearer(citizen, kk="family-1"))
        assert "r=1" in reply.headers["ratelimit"]
        for device in ("a", "b"):
            reply = await city.client.get("/v1/complaints/a", headers={"x-device": device})
        assert "r=2" in reply.headers["ratelimit"]
        for service in ("library", "park"):
            await city.client.get(f"/v1/{service}/a", headers=city.issuer.bearer())
            reply = await city.client.get(f"/v1/{service}/a")
            assert "r=1" in reply.headers["ratelimit"]


async def test_there_is_no_hidden_limit(city: City) -> None:
    city.service("permits", limited("citizen"))
    async with city:
        replies = [await city.client.get("/v1/permits/free") for _ in range(10)]
    assert {one.status_code for one in replies} == {200}
    assert "ratelimit" not in replies[0].headers


async def test_a_shadow_limit_counts_and_lets_pass(city: City) -> None:
    city.service("permits", limited("citizen, mode: shadow"))
    async with city:
        statuses = [(await city.client.get("/v1/permits/a")).status_code for _ in range(5)]
        metrics = (await city.ops.get("/metrics")).text
    assert statuses == [200] * 5
    assert 'gateway_limited_shadow_total{route="/v1/permits/a",service="permits"} 2.0' in metrics


async def test_a_denied_request_charges_none_of_several_limits(city: City) -> None:
    two = limited("citizen").replace(
        "rate_limit: {limit: 60, every: 1m, burst: 3, by: citizen}",
        "rate_limit: [{limit: 60, every: 1m, burst: 1, by: citizen}, {limit: 100, every: 1h, by: address}]",
    )
    city.service("permits", two)
    async with city:
        statuses = [(await city.client.get("/v1/permits/a")).status_code for _ in range(3)]
        city.clock.advance(1)
        reply = await city.client.get("/v1/permits/a")
    assert statuses == [200, 429, 429]
    assert "r=98" in reply.headers["ratelimit"]
