"""Faults that are not the store's own: a clock that is wrong, a worker that is killed, a gateway that is cut off."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from itertools import pairwise

import httpx
from prometheus_client.parser import text_string_to_metric_families

from gateway.clock import ManualClock
from tests.bench.citizens import Answer, Citizen, Crowd, connect
from tests.bench.ground import ADMIN_TOKEN, Gateway, GatewaySetting, Ground, request
from tests.bench.judge import most_admitted, overshoot
from tests.bench.reporting import Table
from tests.city.city import Issuer
from tests.store.proxy import Proxy

_RATE, _BURST = 40, 30
_CLOCK_SECONDS = 8.0
_WORKERS = 4
_TELLING_SECONDS = 1.0  # a logout is to be known everywhere within

_SHARED = f"""  - path: /v1/permits/shared
    methods: [GET]
    rate_limit: {{limit: {_RATE}, every: 1s, burst: {_BURST}, by: route, on_store_failure: closed}}
"""
_QUICK = """  - path: /v1/permits/quick
    methods: [GET]
    rate_limit: {limit: 1000000, every: 1m, by: citizen}
"""
_PLAIN = "  - {path: /v1/permits/mine, methods: [GET]}\n"


async def clock_ahead(place: Ground) -> tuple[Table, list[str]]:
    """Count one limit on two gateways, one of whose clocks is an hour ahead."""
    redis = await asyncio.to_thread(place.redis, "redis-clock")
    settings = [GatewaySetting(redis.url, _SHARED, hours_ahead=hours) for hours in (0, 1)]
    gateways = [place.gateway(f"clock-{setting.hours_ahead}", setting) for setting in settings]
    wanted = request(place.signer.token("citizen-clock", seconds=20_000), "/v1/permits/shared").encode()
    crowds = [Crowd(gateway.port, [wanted], 4, 0.03) for gateway in gateways]
    begun = time.perf_counter()
    for crowd in crowds:
        crowd.start()
    await asyncio.sleep(_CLOCK_SECONDS)
    await asyncio.gather(*(crowd.stop() for crowd in crowds))
    answers = [one for crowd in crowds for one in crowd.answers]
    admitted = [one for one in answers if one.status == 200]
    over = overshoot(admitted, burst=_BURST, rate=_RATE)
    most = most_admitted(time.perf_counter() - begun, burst=_BURST, rate=_RATE)
    failures = sum(one.status >= 500 or one.status == 0 for one in answers)
    rows = (
        ("limit", f"{_RATE} a second, burst {_BURST}, exact, both gateways together"),
        ("asked · admitted · the model's most", f"{len(answers)} · {len(admitted)} · {most:.0f}"),
        ("admitted by the right clock · by the one ahead", " · ".join(str(_admitted(crowd)) for crowd in crowds)),
        ("overshoot in the worst window", f"{max(0.0, over):.2f}"),
        ("5xx", str(failures)),
    )
    broken = [f"clock ahead: overshoot {over:.2f}"] if over > 0 else []
    broken += [f"clock ahead: {failures} × 5xx"] if failures else []
    return Table("Clock of one gateway an hour ahead", ("what", "seen"), rows), broken


async def killed_worker(place: Ground) -> tuple[Table, list[str]]:
    """Kill one of four workers under load; all totals are read before, while, and after."""
    redis = await asyncio.to_thread(place.redis, "redis-worker")
    gateway = place.gateway("worker", GatewaySetting(redis.url, _QUICK, workers=_WORKERS))
    tokens = [place.signer.token(f"citizen-{number}") for number in range(_WORKERS)]
    crowd = Crowd(gateway.port, [request(token, "/v1/permits/quick").encode() for token in tokens], 48, 0.001)
    async with _operator(gateway) as operator:
        crowd.start()
        await asyncio.sleep(2)
        totals = [await _totals(operator)]
        victim = (await operator.get("/admin/registry")).json()["workers"][0]
        os.kill(victim["pid"], signal.SIGKILL)
        for _ in range(12):
            await asyncio.sleep(0.5)
            totals.append(await _totals(operator))
        workers = (await operator.get("/admin/registry")).json()["workers"]
        await crowd.stop()
    lost = sum(one.status == 0 for one in crowd.answers)
    others = sum(one.status not in (0, 200) for one in crowd.answers)
    fallen = sorted({name for before, after in pairwise(totals) for name in before if after[name] < before[name]})
    served = sum(value for name, value in totals[-1].items() if name.startswith("gateway_requests_total"))
    rows = (
        ("requests", f"{len(crowd.answers):,} on 48 connections to {_WORKERS} workers"),
        ("connections of the killed worker", str(victim["connections"])),
        ("requests lost", str(lost)),
        ("answered otherwise than 200", str(others)),
        ("totals of /metrics that fell, of how many, in 13 looks", f"{len(fallen)} of {len(totals[0])}"),
        ("gateway_requests_total at the end", f"{served:,.0f}"),
        ("replaced", "yes" if victim["pid"] not in [one["pid"] for one in workers] else "no"),
    )
    broken = [f"killed worker: {lost} lost of {victim['connections']}"] if lost > victim["connections"] else []
    broken += [f"killed worker: {others} refused"] if others else []
    broken += [f"killed worker: totals fell: {fallen}"] if fallen else []
    return Table("One of four workers killed with -9 under load", ("what", "seen"), rows), broken


async def logout_while_cut_off(place: Ground, seconds: float) -> tuple[Table, list[str]]:
    """Sign somebody out while two of three gateways are cut off from Redis, their only way to hear of it."""
    redis = await asyncio.to_thread(place.redis, "redis-logout")
    issuer = Issuer(ManualClock(wall=time.time()))
    await issuer.start()
    try:
        async with Proxy(redis.port) as silent, Proxy(redis.port) as cut:
            near, *far = [
                await asyncio.to_thread(place.gateway, name, _followers(issuer, url, near=name == "near"))
                for name, url in (("near", redis.url), ("silent", silent.url), ("cut", cut.url))
            ]
            wanted = request(issuer.token("siti"), "/v1/permits/mine").encode()
            assert all([await _status(gateway, wanted) == 200 for gateway in (near, *far)])
            silent.is_deaf = True
            cut.target_port = 1
            await cut.cut()
            await asyncio.sleep(seconds / 2)
            issuer.revoke("session-of-siti")
            first = await _refused_after(near, wanted)
            await asyncio.sleep(seconds / 2)
            still = [await _status(gateway, wanted) for gateway in far]
            silent.is_deaf, cut.target_port = False, redis.port
            times = await asyncio.gather(*(_refused_after(gateway, wanted) for gateway in far))
    finally:
        issuer.news.set()
        await issuer.stop()
    rows = (
        ("the gateway that hears the issuer", f"{first:.2f} s after the logout"),
        ("meanwhile at those cut off", " · ".join(map(str, still))),
        ("connections stood, nothing passed", f"{times[0]:.2f} s after its return"),
        ("connections were cut, none could be made", f"{times[1]:.2f} s after its return"),
    )
    slow = [f"logout: refused only after {one:.2f} s" for one in (first, *times) if one > _TELLING_SECONDS]
    title = f"Logout while two gateways were cut off from Redis for {seconds:.0f} s"
    return Table(title, ("gateway", "the token is refused"), rows), slow


def _followers(issuer: Issuer, store: str, *, near: bool) -> GatewaySetting:
    """Only one gateway can read the issuer's list; the others learn of a logout over the bus alone."""
    path = "revocations" if near else "nothing-here"
    return GatewaySetting(
        store, _PLAIN, issuer=issuer.url, jwks=f"{issuer.url}/jwks", revocations=f"{issuer.url}/{path}"
    )


async def _refused_after(gateway: Gateway, wanted: bytes) -> float:
    """Ask again and again until the answer is 401; return the seconds."""
    begun = time.perf_counter()
    while await _status(gateway, wanted) != 401:
        if time.perf_counter() - begun > 20:
            return float("inf")
        await asyncio.sleep(0.005)
    return time.perf_counter() - begun


async def _status(gateway: Gateway, wanted: bytes) -> int:
    told: asyncio.Queue[Answer] = asyncio.Queue()

    def note(_: Citizen, answer: Answer) -> None:
        told.put_nowait(answer)

    citizen = await connect(gateway.port, note)
    citizen.ask(wanted)
    answer = await told.get()
    citizen.leave()
    return answer.status


def _admitted(crowd: Crowd) -> int:
    return sum(one.status == 200 for one in crowd.answers)


def _operator(gateway: Gateway) -> httpx.AsyncClient:
    bearer = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    return httpx.AsyncClient(base_url=gateway.ops, trust_env=False, timeout=30, headers=bearer)


async def _totals(operator: httpx.AsyncClient) -> dict[str, float]:
    """Return every counter of the exposition."""
    text = (await operator.get("/metrics")).text
    families: Iterable[object] = text_string_to_metric_families(text)
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families
        if getattr(family, "type", "") in ("counter", "histogram")
        for sample in getattr(family, "samples", ())
    }
