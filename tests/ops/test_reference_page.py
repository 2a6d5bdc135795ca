"""/docs: the merged document as people read it."""

from __future__ import annotations

import json
import shlex

from gateway.ops.reference_page import curl
from tests.city.agency import Answer
from tests.city.city import City, running

_PERMITS = """
    upstream: {targets: TARGETS}
    openapi: /openapi.json
    description: {id: Ajukan izin., en: Apply for a permit.}
    auth: {claims: [name], purpose: Nama dicantumkan pada izin.}
    rate_limit: {limit: 60, every: 1m, by: citizen}
    promise: {availability: 99.5%, p95: 500ms}
    routes:
      - {path: /v1/permits/types, methods: [GET], auth: {mode: none}, cache: {ttl: 10m}}
      - {path: /v1/permits/applications, methods: [POST], max_body: 2MB}
"""
_APPLY = {
    "summary": "Apply <now>",
    "requestBody": {"content": {"application/json": {"example": {"name": "Siti 'Ami' Aminah"}}}},
    "responses": {"201": {"description": "Created"}},
}
_DOCUMENT = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/applications": {"post": _APPLY}}}


async def test_a_reader_sees_what_an_operation_needs_and_how_to_call_it(city: City) -> None:
    city.service("permits", _PERMITS).handler = lambda _: Answer(body=json.dumps(_DOCUMENT).encode())
    async with running(city):
        await city.gateway.documents.fetch()
        english = (await city.client.get("/docs?service=permits", headers={"accept-language": "en"})).text
        indonesian = (await city.client.get("/docs?service=permits")).text
    for told in (
        "<h1>The permits service</h1>",
        "POST /v1/permits/applications",
        "Apply &lt;now&gt;",
        "60 per 1 min",
        "for each citizen",
        "2 MB",
        "10 min",
        "name: Nama dicantumkan pada izin.",
        "Availability 99.5%",
        "&quot;Authorization: Bearer $TOKEN&quot;",
    ):
        assert told in english, told
    assert "<h1>Layanan permits</h1>" in indonesian
    assert "Ketersediaan 99,5%" in indonesian


async def test_the_index_names_every_service_in_the_readers_language(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        english = await city.client.get("/docs?lang=en")
        indonesian = await city.client.get("/docs", headers={"accept-language": "id"})
    assert "Apply for a permit." in english.text
    assert "Ajukan izin." in indonesian.text
    assert english.headers["content-type"] == "text/html; charset=utf-8"
    assert english.headers["vary"] == "Accept-Language"
    assert english.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_service_that_does_not_exist_is_not_found(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        reply = await city.client.get("/docs?service=nothing")
        odd = await city.client.get("/docs?service=permits&service=permits&a=%ff")
    assert (reply.status_code, reply.json()["code"]) == (404, "route-not-found")
    assert odd.status_code == 200


def test_a_line_to_copy_runs_nothing_that_an_agency_wrote() -> None:
    needed = {"name": "q;$(reboot)", "in": "query", "required": True}
    line = curl("/v1/permits/applications", "post", {**_APPLY, "parameters": [needed], "security": [{"citizen": []}]})
    assert shlex.split(line) == [
        "curl", "-X", "POST", "-H", "Authorization: Bearer $TOKEN", "-H", "Content-Type: application/json",
        "-d", '{"name": "Siti \'Ami\' Aminah"}', "$API/v1/permits/applications?q;$(reboot)={q;$(reboot)}",
    ]  # fmt: skip
    assert "'/v1/permits/applications?q;$(reboot)={q;$(reboot)}'" in line, "quoted: the shell looks at none of it"
