"""How often a cache that holds a tenth of all objects has what is asked for, on the trace of a flood hour.

Everybody who is measured is sent the same requests over HTTP, and the agency counts the misses. Who evicts at once is
measured: the gateway, and Varnish given room for as many answers. nginx evicts on a timer and Envoy's filter never, so
an exact model stands for what nginx and Varnish do: they drop what was used longest ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.bench.contenders import Contender
from tests.bench.gateway_setup import GatewaySetup, ops_url
from tests.bench.loads import request
from tests.bench.options import Options
from tests.bench.plan import Plan
from tests.bench.progress import Progress
from tests.bench.reporting import Aim, Table
from tests.bench.site_setup import Field
from tests.store.traces import lru_misses

_HELD_SHARE: Final = 0.1  # of all objects of the trace
_AIM_TO_LRU: Final = 0.9
_MODEL: Final = "model: drops what was used longest ago"
_FIRST_OTHER_PAGE: Final = 1 << 40  # pages that are not in the trace
_TRIAL_PAGES: Final = 3_000
_TRIAL_BYTES: Final = 1 << 20  # Varnish refuses less
_SENT_WITHIN_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class HitRatio:
    """How often one cache had to ask the agency, and how often the model would have, for the same requests."""

    name: str
    requests: int
    misses: int
    model_misses: int


def measure_hit_ratios(
    field: Field, gateway: Contender, options: Options, trace: Sequence[int], progress: Progress
) -> tuple[Contender, list[HitRatio]]:
    """Send the trace through everybody; return the gateway that is full now, and what was seen.

    `gateway` has room, and shows what an answer takes.
    """
    held = int(len(set(trace)) * _HELD_SHARE)
    small = field.gateway(GatewaySetup("small cache", cache_size=f"{held * _bytes_an_answer(field, gateway)}B"))
    varnish = _varnish_for(field, held) if options.chosen(["varnish"]) else None
    file = field.site.directory / "trace"
    _write_pages(file, trace)
    ratios = []
    for name, contender in (("gateway", small), ("varnish", varnish)):
        if contender is not None:
            progress.step(f"{len(trace):,} requests of the trace: {name}")
            requests, misses = _send(field, contender, file, len(trace))
            ratios.append(HitRatio(name, requests, misses, lru_misses(list(trace[:requests]), held)))
    model = lru_misses(list(trace), held)
    return small, [*ratios, HitRatio(_MODEL, len(trace), model, model)]


def _send(field: Field, contender: Contender, file: Path, requests: int) -> tuple[int, int]:
    """Send requests in their order; return how many were answered in time (on a busy machine not all), and missed."""
    before = field.agency_was_asked()
    plan = Plan(contender.port, requests_file=str(file), connections=8, count=requests, seconds=_SENT_WITHIN_SECONDS)
    seen = field.driver.run(plan)
    if seen.failed:
        raise RuntimeError(f"{contender.name} failed {seen.failed} of {requests} requests: {seen.first_failure}")
    return seen.answered, field.agency_was_asked() - before


def _bytes_an_answer(field: Field, gateway: Contender) -> int:
    """Return what one stored answer of the trace's size takes, as the gateway itself counts it."""
    before = _stored_bytes(gateway.directory)
    pages = tuple(_page(_FIRST_OTHER_PAGE + number) for number in range(10))
    field.driver.run(Plan(gateway.port, requests=pages, connections=1, count=len(pages)))
    return (_stored_bytes(gateway.directory) - before) // len(pages)


def _stored_bytes(directory: Path) -> int:
    lines = httpx.get(f"{ops_url(directory)}/metrics").text.splitlines()
    return int(float(next(line.split()[-1] for line in lines if line.startswith("gateway_cache_bytes"))))


def _varnish_for(field: Field, held: int) -> Contender | None:
    """Start a Varnish with room for so many answers: what one takes is tried out on another."""
    trial = field.small_varnish(_TRIAL_BYTES, "trial")
    if trial is None:
        return None
    pages = range(_FIRST_OTHER_PAGE, _FIRST_OTHER_PAGE + _TRIAL_PAGES)
    forwards, backwards = field.site.directory / "pages", field.site.directory / "pages-backwards"
    _write_pages(forwards, pages)
    _send(field, trial, forwards, _TRIAL_PAGES)
    # Then backwards: those that it kept are hits, and from the first that is missing on none is there any more.
    _write_pages(backwards, pages[::-1])
    sent, misses = _send(field, trial, backwards, _TRIAL_PAGES)
    trial.end()
    wanted = _TRIAL_BYTES * held // max(1, sent - misses)
    return field.small_varnish(wanted, "small") if wanted >= _TRIAL_BYTES else None


def _write_pages(file: Path, pages: Sequence[int]) -> None:
    file.write_bytes(b"".join(_page(number).encode() + b"\0" for number in pages))


def _page(number: int) -> str:
    return request(path=f"/v1/permits/public/{number:016x}")


def hit_ratio_table(trace: Sequence[int], ratios: Sequence[HitRatio]) -> Table:
    """Return who missed how often, and how much less than the model."""
    rows = tuple(
        (
            one.name,
            f"{one.requests:,}",
            f"{one.misses:,}",
            f"{1 - one.misses / one.requests:.1%}",
            f"{1 - one.misses / one.model_misses:+.1%}",
        )
        for one in ratios
    )
    return Table(
        f"Hit ratio: {len(trace):,} requests for {len(set(trace)):,} objects, a tenth of them fits",
        ("cache", "requests", "misses", "hits", "fewer misses"),
        rows,
        "The trace (tests/store/traces.py): Zipf 0.9, three of ten objects asked for once; misses are counted at the "
        "agency. nginx evicts on a timer, by the model's rule; Envoy's filter evicts nothing.",
    )


def misses_aim(ratios: Sequence[HitRatio]) -> Aim:
    """Return the gateway's misses beside the model's."""
    gateway = ratios[0]
    return Aim("misses, to the model's", gateway.misses / gateway.model_misses, _AIM_TO_LRU)
