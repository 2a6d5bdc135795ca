"""/status: what was promised beside what was measured, for people and for programs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.registry.snapshot import Quarantined
from gateway.telemetry.metrics import RouteCounters
from tests.city.agency import Answer
from tests.city.city import City, running

_PERMITS = """
    upstream: {targets: TARGETS}
    auth: {mode: none}
    promise: {availability: 99.5%, p95: 500ms}
    routes:
      - {path: /v1/permits/types, methods: [GET]}
      - {path: /v1/permits/limited, methods: [GET], rate_limit: {limit: 1, every: 1h, by: address}}
"""
_BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def _permits(city: City) -> dict[str, object]:
    city.clock.advance(5)  # what was read before is too old
    document = (await city.client.get("/status")).json()
    (service,) = document["services"]
    assert isinstance(service, dict)
    return service


async def test_programs_get_each_promise_beside_what_was_measured(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        for _ in range(30):
            await city.client.get("/v1/permits/types")
        service = await _permits(city)
    assert service["promise"] == {"availability": 0.995, "p95_seconds": 0.5}
    assert service["measured"] == {"availability": 1.0, "p95_seconds": None, "answers": 30, "agency_faults": 0}
    assert service["kept"] == {"availability": True, "p95": None}
    assert service["health"] == {"status": "pass", "since": "2027-01-15T08:00:00Z"}
    assert service["agency"] == {"code": "PERMITS", "name": "Dinas permits", "contact": "021-55764955"}


async def test_what_other_workers_of_the_machine_have_counted_is_in_it(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        await city.client.get("/v1/permits/types")
        others = RouteCounters("permits", "")
        others.status[2], others.agency_faults = 99, 10
        city.gateway.siblings.hear(1_700_000_000.0, {"permits": others.numbers()})
        service = await _permits(city)
        since = (await city.client.get("/status")).json()["measured_since"]
    assert service["measured"] == {"availability": 0.9, "p95_seconds": None, "answers": 100, "agency_faults": 10}
    assert since == "2023-11-14T22:13:20Z"


async def test_time_is_the_agencys_alone(city: City) -> None:
    agency = city.service("permits", _PERMITS)

    def slowly(_: object) -> Answer:
        city.clock.advance(0.2)
        return Answer()

    agency.handler = slowly
    async with running(city):
        for _ in range(20):
            await city.client.get("/v1/permits/types")
        service = await _permits(city)
    measured = service["measured"]
    assert isinstance(measured, dict)
    assert 0.1 < measured["p95_seconds"] <= 0.25, "within the bucket of 200 ms"
    assert service["kept"] == {"availability": True, "p95": True}


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(hang_up=True)], ids=["its own 5xx", "a connection that closes without a word"]
)
async def test_the_agencys_failures_break_its_promise(city: City, answer: Answer) -> None:
    agency = city.service("permits", _PERMITS)
    async with running(city):
        for _ in range(19):
            await city.client.get("/v1/permits/types")
        agency.handler = lambda _: answer
        await city.client.get("/v1/permits/types")
        service = await _permits(city)
    assert service["measured"] == {"availability": 0.95, "p95_seconds": None, "answers": 20, "agency_faults": 1}
    assert service["kept"] == {"availability": False, "p95": None}


async def test_what_is_not_the_agencys_fault_is_not_held_against_it(city: City) -> None:
    agency = city.service("permits", _PERMITS)
    async with running(city):
        agency.handler = lambda _: Answer(404)
        for path in ("/v1/permits/limited", "/v1/permits/limited", "/v1/permits/types"):
            await city.client.get(path)
        service = await _permits(city)
    assert service["measured"] == {"availability": 1.0, "p95_seconds": None, "answers": 3, "agency_faults": 0}
    assert service["kept"] == {"availability": None, "p95": None}, "three answers say nothing of a promise"


async def test_a_service_that_is_down_is_shown_so_since_when(city: City) -> None:
    agency = city.service("permits", _PERMITS)
    async with running(city):
        city.clock.advance(60)
        await agency.stop()
        for _ in range(5):
            await city.client.get("/v1/permits/types")
        service = await _permits(city)
        page = await city.client.get("/status", headers=_BROWSER)
    assert service["health"] == {"status": "fail", "since": "2027-01-15T08:01:00Z"}
    assert "Terganggu" in page.text
    assert "Sebagian layanan terganggu." in page.text
    assert agency.url.removeprefix("http://") not in page.text, "addresses of targets are nobody's business"


async def test_people_get_a_page_in_their_language(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        indonesian = await city.client.get("/status", headers=_BROWSER)
        english = await city.client.get("/status", headers={**_BROWSER, "accept-language": "en"})
        chosen = await city.client.get("/status?lang=en", headers=_BROWSER)
    assert '<html lang="id">' in indonesian.text
    assert "Layanan permits" in indonesian.text
    assert "99,5%" in indonesian.text
    assert "belum cukup data" in indonesian.text
    assert indonesian.headers["content-language"] == "id"
    assert "The permits service" in english.text
    assert "99.5%" in english.text
    assert chosen.text == english.text
    assert 'href="tel:02155764955"' in english.text


async def test_the_page_needs_no_script_and_nothing_from_elsewhere(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        page = await city.client.get("/status", headers=_BROWSER)
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "@import" not in page.text
    assert "url(" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert len(page.content) < 14_000, "a first flight of TCP carries all of it"


async def test_what_an_agency_writes_cannot_break_the_page(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        city.write("permits", _PERMITS)
        text = city.file_of("permits").read_text()
        city.file_of("permits").write_text(text.replace("Layanan permits", "<script>alert(1)</script>"))
        assert await city.gateway.reload() == ()
        city.clock.advance(5)
        page = await city.client.get("/status", headers=_BROWSER)
        index = await city.client.get("/docs")
    assert "<script" not in page.text + index.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


@pytest.mark.parametrize("path", ["/status", "/docs", "/openapi.json", "/v1/services", "/.well-known/jwks.json"])
@pytest.mark.parametrize("lane", ["direct", "asgi"])
async def test_who_has_a_page_is_told_so_and_head_works(city: City, path: str, lane: str) -> None:
    city.lane = lane
    city.service("permits", _PERMITS)
    async with running(city):
        await city.gateway.documents.fetch()
        page = await city.client.get(path, headers=_BROWSER)
        again = await city.client.get(path, headers={**_BROWSER, "if-none-match": f'"other", {page.headers["etag"]}'})
        head = await city.client.head(path, headers=_BROWSER)
        post = await city.client.post(path)
    assert page.status_code == 200
    assert page.headers["cache-control"].startswith("public, max-age=")
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == page.headers["etag"]
    assert head.headers["content-length"] == str(len(page.content))
    assert head.headers["etag"] == page.headers["etag"]
    assert head.content == b""
    assert (post.status_code, post.headers["allow"]) == (405, "GET, HEAD")


async def test_a_status_is_added_up_once_for_all_who_ask_within_five_seconds(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        first = await city.client.get("/status")
        await city.client.get("/v1/permits/types")
        city.clock.advance(4)
        assert (await city.client.get("/status")).headers["etag"] == first.headers["etag"]
        city.clock.advance(1)
        assert (await city.client.get("/status")).headers["etag"] != first.headers["etag"]


async def test_a_service_left_out_for_its_own_file_is_named(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        gateway = city.gateway
        left_out = Quarantined("taxes", "services/taxes.yaml", ("services/taxes.yaml:3:1 …",), False)
        snapshot = replace(gateway.edition.snapshot, quarantined=(left_out,))
        gateway.edition = replace(gateway.edition, snapshot=snapshot)
        document = (await city.client.get("/status")).json()
        page = await city.client.get("/status", headers=_BROWSER)
    assert document["left_out"] == ["taxes"]
    assert document["status"] == "warn"
    assert "taxes</h2>" in page.text
    assert "Tidak tersedia" in page.text
    assert "taxes.yaml" not in page.text
