"""How a citizen stands with their limits: told to operators by the admin API and `gateway limits`, to nobody else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.ops.limits_commands import state_lines
from tests.city.city import ADMIN_TOKEN, City

ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}
WHO = "3671990000000001"
PERMITS = """
    upstream: {targets: TARGETS}
    auth: {mode: required}
    rate_limit:
      - {limit: 60, every: 1m, burst: 3, by: citizen}
      - {limit: 500, every: 1d, by: citizen, mode: shadow}
      - {limit: 9, every: 1m, by: address}
    concurrency: {limit: 4, by: citizen}
    routes:
      - {path: /v1/permits/a, methods: [GET]}
      - {path: /v1/permits/b, methods: [GET], rate_limit: {limit: 5, every: 1h}, concurrency: none}
"""


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City(tmp_path)
    city.service("permits", PERMITS)
    return city


async def ask(city: City, call: str = "/admin/limits", **asked: str) -> dict[str, list[dict[str, object]]]:
    reply = await city.ops.post(call, headers=ADMIN, json={"citizen": WHO, **asked})
    assert reply.status_code == 200, reply.text
    told: dict[str, list[dict[str, object]]] = reply.json()
    return told


async def gateway(city: City, *arguments: str) -> Result:
    """Run the command as an operator would, against the running gateway."""
    command = [*arguments, "--config", str(city.config), "--ops", str(city.ops.base_url)]
    return await asyncio.to_thread(CliRunner().invoke, main, command)


async def test_used_left_and_full_again_are_told_of_every_limit_that_counts_citizens(city: City) -> None:
    async with city:
        for _ in range(2):
            await city.client.get("/v1/permits/a", headers=city.issuer.bearer(WHO))
        told = await ask(city)
        assert [(one["name"], one["used"], one["left"], one["full_again_seconds"]) for one in told["limits"]] == [
            ("permits:citizen", 2, 1, 2),
            ("permits:citizen:2", 2, 498, 346),
            ("GET /v1/permits/b:citizen", 0, 5, 0),
        ]
        assert [(one["name"], one["in_flight"], one["left"]) for one in told["concurrency"]] == [
            ("permits:citizen:in-flight", 0, 4)
        ]
        assert WHO not in json.dumps(told)


async def test_one_route_may_be_asked_about(city: City) -> None:
    async with city:
        told = await ask(city, method="GET", path="/v1/permits/b")
        assert [one["name"] for one in told["limits"]] == ["GET /v1/permits/b:citizen"]
        assert told["concurrency"] == []


async def test_a_reset_gives_a_citizen_all_of_it_again_and_nobody_else(city: City) -> None:
    async with city:
        for subject in (WHO, "another"):
            bearer = city.issuer.bearer(subject)
            statuses = [(await city.client.get("/v1/permits/a", headers=bearer)).status_code for _ in range(4)]
            assert statuses == [200, 200, 200, 429]
        await ask(city, "/admin/limits/reset")
        assert (await city.client.get("/v1/permits/a", headers=city.issuer.bearer(WHO))).status_code == 200
        assert (await city.client.get("/v1/permits/a", headers=city.issuer.bearer("another"))).status_code == 429


REFUSED = {
    b"": "JSON object",
    b"[]": "JSON object",
    b'{"citizen": 7}': "JSON object",
    b"{}": "name a citizen",
    b'{"citzen": "x"}': "unknown member citzen",
    b'{"citizen": "x", "issuer": "http://elsewhere"}': "listed are: http://127.0.0.1",
    b'{"citizen": "x", "path": "/v1/nothing"}': "services are: permits",
}


async def test_what_cannot_be_answered_is_told_with_its_remedy(city: City) -> None:
    async with city:
        for body, remedy in REFUSED.items():
            reply = await city.ops.post("/admin/limits", headers=ADMIN, content=body)
            assert reply.status_code == 400
            assert remedy in reply.json()["error"]
        assert (await city.ops.post("/admin/limits", json={"citizen": WHO})).status_code == 401


async def test_the_command_shows_what_was_used_most_first_and_names_nobody(city: City) -> None:
    async with city:
        await city.client.get("/v1/permits/a", headers=city.issuer.bearer(WHO))
        shown = await gateway(city, "limits", WHO)
        assert shown.exit_code == 0, shown.output
        assert [" ".join(line.split()) for line in shown.output.splitlines()] == [
            "LIMIT ALLOWS USED LEFT FULL AGAIN NEXT REQUEST",
            "permits:citizen 60 every 1m, 3 at once 1 2 in 1s now",
            "permits:citizen:2 500 every 1d 1 499 in 2m 53s now shadow: stops nobody",
            "GET /v1/permits/b:citizen 5 every 1h 0 5 now now",
            "",
            "IN FLIGHT ALLOWS USED LEFT",
            "permits:citizen:in-flight 4 at once 0 4",
        ]
        as_json = await gateway(city, "limits", WHO, "--json")
        assert json.loads(as_json.output)["limits"][0]["used"] == 1
        reset = await gateway(city, "limits", WHO, "--reset")
        assert reset.output.endswith("forgotten: they may use all of it again\n")
        assert (await ask(city))["limits"][0]["used"] == 0
        assert WHO not in json.dumps([city.access_lines(), city.events])


async def test_explain_tells_a_citizens_state_when_asked(city: City) -> None:
    async with city:
        await city.client.get("/v1/permits/b", headers=city.issuer.bearer(WHO))
        told = await gateway(city, "explain", "GET", "/v1/permits/b", "--citizen", WHO)
        assert told.exit_code == 0, told.output
        assert " ".join(told.output.split()).endswith("GET /v1/permits/b:citizen 5 every 1h 1 4 in 12m now")
        assert "rate_limit.0.limit" in told.output


async def test_without_a_running_gateway_the_command_says_so(city: City) -> None:
    async with city:
        command = ["limits", WHO, "--config", str(city.config), "--ops", "http://127.0.0.1:1"]
        told = await asyncio.to_thread(CliRunner().invoke, main, command)
    assert told.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:1" in told.output
    assert WHO not in told.output


def test_a_limit_that_each_worker_counts_for_itself_is_told_for_each() -> None:
    one = {"name": "x", "limit": 2, "accuracy": "local", "mode": "enforce", "in_flight": 0, "left": 2}
    own = [{"worker": number, "limits": [], "concurrency": [one | {"in_flight": number}]} for number in (0, 1)]
    lines = list(state_lines({"limits": [], "concurrency": [one], "workers": own}))
    assert [line.split()[-2:] for line in lines[1:]] == [["worker", "1"], ["worker", "0"]]


def test_where_no_limit_counts_citizens_that_is_said() -> None:
    assert list(state_lines({"limits": [], "concurrency": []})) == ["no limit counts citizens here"]
