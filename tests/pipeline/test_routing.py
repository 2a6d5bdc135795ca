"""Which addresses exist, and what is said where none does."""

from __future__ import annotations

import pytest

from tests.city.city import City

LISTED = """
    upstream: {targets: TARGETS}
    auth: {mode: none}
    routes:
      - {path: /v1/permits/types, methods: [GET, POST]}
      - {path: "/v1/permits/types/{code}", methods: [GET]}
"""


async def test_nothing_is_exposed_unless_listed(city: City) -> None:
    permits = city.service("permits", LISTED)
    async with city:
        reply = await city.client.get("/v1/permits/admin")
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert permits.received == []


async def test_wrong_method_is_told_which_ones_there_are(city: City) -> None:
    city.service("permits", LISTED)
    async with city:
        reply = await city.client.delete("/v1/permits/types")
    assert reply.status_code == 405
    assert {one.strip() for one in reply.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    "path",
    ["/v1/permits/types/", "/V1/permits/types", "/v1/permits/Types"],
)
async def test_trailing_slash_and_case_are_part_of_the_address(city: City, path: str) -> None:
    city.service("permits", LISTED)
    async with city:
        assert (await city.client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/v1/permits/types/a%2Fb", "/v1/permits/types/%2e%2e/x", "/v1/permits//types"])
async def test_ambiguous_paths_are_refused(city: City, path: str) -> None:
    permits = city.service("permits", LISTED)
    async with city:
        reply = await city.client.get(path)
    assert reply.status_code == 400
    assert reply.json()["code"] == "malformed-request"
    assert permits.received == []


async def test_problem_speaks_the_callers_language_and_names_case_source_and_agency(city: City) -> None:
    city.service("permits", LISTED)
    async with city:
        indonesian = (await city.client.get("/v1/permits/nothing")).json()
        english = (await city.client.get("/v1/permits/nothing", headers={"accept-language": "en"})).json()
    assert indonesian["title"] == "Alamat tidak ditemukan"
    assert english["title"] == "No such address"
    assert english["source"] == "client"
    assert english["instance"] == "/v1/permits/nothing"
    assert english["case"].startswith("TNG-")
    assert english["agency"]["name"] == "Dinas permits"


async def test_allowed_origin_may_read_and_ask(city: City) -> None:
    city.service("permits", LISTED + "    cors: {origins: ['https://live.tangerangkota.go.id']}\n")
    origin = {"origin": "https://live.tangerangkota.go.id"}
    async with city:
        reply = await city.client.get("/v1/permits/types", headers=origin)
        asked = await city.client.options(
            "/v1/permits/types", headers=origin | {"access-control-request-method": "POST"}
        )
        stranger = await city.client.get("/v1/permits/types", headers={"origin": "https://evil.example"})
    assert reply.headers["access-control-allow-origin"] == origin["origin"]
    assert asked.status_code == 204
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "access-control-allow-origin" not in stranger.headers
