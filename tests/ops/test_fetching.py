"""When the agencies' documents are asked for; pauses are counted, never waited for."""

from __future__ import annotations

import asyncio
import json

import structlog

from gateway.ops.openapi.documents import Documents
from gateway.upstream.httpx_client import HttpxClient
from tests.city.agency import Answer
from tests.city.city import City, running

_PERMITS = """
    upstream: {targets: TARGETS}
    openapi: /openapi.json
    routes: [{path: /v1/permits/types, methods: [GET]}]
"""
_GOOD = Answer(body=json.dumps({"openapi": "3.1.0", "info": {}, "paths": {}}).encode())


async def _pauses(city: City, *, until: int, mended_at: int) -> list[float]:
    """Return the first pauses between rounds, with an agency that publishes nothing before the pause `mended_at`."""
    agency, pauses, enough = city.agencies["permits"], list[float](), asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == mended_at:
            agency.handler = lambda _: _GOOD
        if len(pauses) == until:
            enough.set()
            await asyncio.Event().wait()

    client = HttpxClient()
    log = structlog.wrap_logger(structlog.ReturnLogger())
    documents = Documents(client, city.gateway.targets, city.clock, log, sleep=pause)
    documents.apply(city.gateway.edition.snapshot)
    await enough.wait()
    await documents.aclose()
    await client.aclose()
    return pauses


async def test_a_missing_document_is_asked_for_again_soon_and_then_less_often(city: City) -> None:
    city.service("permits", _PERMITS).handler = lambda _: Answer(404)
    async with running(city):
        pauses = await _pauses(city, until=9, mended_at=99)
    assert pauses[:8] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert sum(pauses) == 900, "every quarter of an hour all are asked"


async def test_once_it_is_there_it_is_asked_for_every_quarter_of_an_hour(city: City) -> None:
    city.service("permits", _PERMITS).handler = lambda _: Answer(404)
    async with running(city):
        pauses = await _pauses(city, until=4, mended_at=2)
    assert pauses == [2, 4, 894, 900]
