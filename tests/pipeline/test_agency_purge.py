"""An agency has its own stored answers forgotten, by its own credential, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.registry.load import load
from gateway.registry.problems import ConfigError
from tests.city.agency import Answer
from tests.city.city import City

ROUTES = """
    upstream: {{targets: TARGETS, retries: {{attempts: 1}}}}
    auth: {{mode: none}}
    purge_token: {token}
    routes:
      - {{path: "/v1/{name}/{{rest:path}}", methods: [GET], cache: {{ttl: 10m, query: [page]}}}}
"""
PERMITS, COMPLAINTS = "permits-0123456789", "complaints-0123456789"


def two_agencies(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, token in (("permits", PERMITS), ("complaints", COMPLAINTS)):
        monkeypatch.setenv(f"PURGE_{name.upper()}", token)
        written = f"${{env:PURGE_{name.upper()}}}"
        agency = city.service(name, ROUTES.format(name=name, token=written))
        agency.handler = lambda received: Answer(headers={"cache-tag": received.path.strip("/")})


async def kept(city: City) -> int:
    """Return how many of four answers are still there, fresh."""
    count = 0
    for address in ("permits/a", "permits/a?page=2", "permits/b", "complaints/a"):
        reply = await city.client.get(f"/v1/{address}", headers={"cache-control": "only-if-cached"})
        count += reply.status_code == 200
    return count


async def purge(city: City, service: str, token: str | None, query: str = "") -> tuple[int, object]:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    reply = await city.ops.post(f"/purge/{service}{query}", headers=headers)
    return reply.status_code, reply.json().get("purged", reply.json().get("error"))


async def fill(city: City) -> None:
    for address in ("permits/a", "permits/a?page=2", "permits/b", "complaints/a"):
        await city.client.get(f"/v1/{address}")


async def test_an_agency_purges_by_path_tag_or_whole_and_only_its_own(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_agencies(city, monkeypatch)
    async with city:
        for query, purged, left in (
            ("?path=/a?page=2", 1, 3),
            ("?path=/a", 2, 2),
            ("?tag=b", 1, 3),
            ("?tag=a&soft=true", 2, 2),
            ("", 3, 1),
        ):
            await fill(city)
            assert await purge(city, "permits", PERMITS, query) == (200, purged), query
            assert await kept(city) == left, query


async def test_a_wrong_credential_purges_nothing_and_is_told_why(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    two_agencies(city, monkeypatch)
    async with city:
        await fill(city)
        for service, token, status, word in (
            ("permits", None, 401, "purge_token of your service file"),
            ("permits", "guess", 401, "no service's purge_token"),
            ("nowhere", "guess", 401, "no service's purge_token"),
            ("permits", COMPLAINTS, 403, "another service"),
            ("nowhere", COMPLAINTS, 403, "another service"),
        ):
            told = await purge(city, service, token)
            assert told[0] == status
            assert word in str(told[1])
        assert (await purge(city, "permits", PERMITS, "?url=/a"))[0] == 400
        assert (await purge(city, "permits", PERMITS, "?path=a"))[0] == 400
        assert await kept(city) == 4


async def test_every_attempt_is_logged_without_secret_path_or_tag(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    two_agencies(city, monkeypatch)
    async with city:
        await fill(city)
        await purge(city, "permits", PERMITS, "?tag=b&soft=true")
        await purge(city, "permits", COMPLAINTS)
        await purge(city, "invented", "guess-guess-guess")
    lines = [event for event in city.events if event["event"] == "purge by agency"]
    assert [(one["service"], one["credential_of"], one["what"], one["status"]) for one in lines] == [
        ("permits", "permits", "tag", 200),
        ("permits", "complaints", "refused", 403),
        ("unknown", None, "refused", 401),
    ]
    assert (lines[0]["purged"], lines[0]["soft"]) == (1, True)
    assert not any(secret in str(lines) for secret in (PERMITS, COMPLAINTS, "guess", "invented"))


async def test_without_a_credential_of_its_own_a_service_cannot_purge(city: City) -> None:
    city.service("permits", ROUTES.format(name="permits", token='""'))
    async with city:
        assert (await purge(city, "permits", "none"))[0] == 401


async def test_a_credential_that_stands_in_the_file_is_refused_and_not_shown(city: City, tmp_path: Path) -> None:
    city.service("permits", ROUTES.format(name="permits", token='""'))
    async with city:
        city.write("permits", ROUTES.format(name="permits", token=PERMITS))
        with pytest.raises(ConfigError) as refused:
            load(city.config, strict=True)
    assert "a secret stands in the file" in str(refused.value)
    assert PERMITS not in str(refused.value)
