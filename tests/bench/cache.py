"""`SUITE=cache`: what a hit costs, how often one is had on a flood hour's trace, and what a full cache does to waiting.

Beside nginx `proxy_cache` (opening its files, and keeping them open), Varnish and Envoy's cache filter: all answer the
same public page of 1 KB from what they stored, and the agency's own count proves that they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.contenders import Contender
from tests.bench.driver import plan_of
from tests.bench.hit_ratio import hit_ratio_table, measure_hit_ratios, misses_aim
from tests.bench.loads import cache_loads, new_pages
from tests.bench.measuring import Cost, Effort, measure_costs, measure_latencies
from tests.bench.options import Options
from tests.bench.progress import Progress
from tests.bench.reporting import Aim, Table, aims_table, as_text, cost_table
from tests.bench.site_setup import Field, prepared
from tests.store.traces import zipf_trace

PEERS: Final = ("nginx cache", "nginx cache, files kept open", "varnish", "envoy cache")
_AIM_TO_NGINX, _AIM_TO_ENVOY = 0.8, 0.4
_EVICTING_A_SECOND: Final = 500.0
_PROOF_SECONDS: Final = 0.3


def run(options: Options) -> dict[str, object]:
    """Measure hits, the hit ratio and eviction; return the result."""
    effort = Effort(3, 0.5) if options.quick else Effort(5, 1.0)
    tables: list[Table] = []
    with prepared() as field, Progress() as progress:

        def show(table: Table) -> None:
            tables.append(table)
            progress.say(as_text(table))

        progress.step("starting")
        gateway = field.gateway()
        contenders = _who_hit(field, [gateway, *field.peers(options.chosen(PEERS))], progress)
        costs: dict[str, list[Cost]] = {}
        for load in (*cache_loads(), new_pages()):
            costs[load.name] = measure_costs(field.driver, contenders, load, effort, progress)
            show(cost_table(load, costs[load.name], base="nginx cache"))
        trace = zipf_trace(objects=20_000, requests=20_000) if options.quick else zipf_trace()
        small, ratios = measure_hit_ratios(field, gateway, options, trace, progress)
        show(hit_ratio_table(trace, ratios))
        show(_eviction_table(field, gateway, small, effort, progress))
        # The aim holds for the whole trace; a quick run's is too short to show who comes again.
        show(aims_table([*_cost_aims(costs), *([] if options.quick else [misses_aim(ratios)])]))
    figures = {name: {cost.name: cost.to_json() for cost in row} for name, row in costs.items()}
    return {"tables": [table.to_json() for table in tables], "figures": figures}


def _who_hit(field: Field, contenders: Sequence[Contender], progress: Progress) -> list[Contender]:
    """Return those who answer from their cache: whose second visit does not reach the agency."""
    hitting = []
    for contender in contenders:
        for load in cache_loads():
            field.driver.run(plan_of(load, contender.port, _PROOF_SECONDS))
        before = field.agency_was_asked()
        seen = [field.driver.run(plan_of(load, contender.port, _PROOF_SECONDS)) for load in cache_loads()]
        asked = field.agency_was_asked() - before
        if asked or any(one.failed for one in seen):
            progress.say(f"{contender.name} asked the agency {asked} times for what it should have stored: left out\n")
        else:
            hitting.append(contender)
    return hitting


def _eviction_table(field: Field, roomy: Contender, full: Contender, effort: Effort, progress: Progress) -> Table:
    """Return what is waited when each request is new, in a cache with room and in a full one that must evict."""
    waited = measure_latencies(field.driver, [roomy, full], new_pages(), _EVICTING_A_SECOND, effort, progress)
    names = ("with room", "full: each answer evicts another")
    rows = tuple(
        (name, f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", str(one.failed))
        for name, one in zip(names, waited, strict=True)
    )
    return Table(
        f"Waiting for new pages, {_EVICTING_A_SECOND:.0f} a second", ("cache", "p50 ms", "p99 ms", "failed"), rows
    )


def _cost_aims(costs: dict[str, list[Cost]]) -> list[Aim]:
    first = next(iter(costs.values()))
    middle = {cost.name: cost.middle for cost in first}
    wanted = (("nginx cache", _AIM_TO_NGINX), (PEERS[1], _AIM_TO_NGINX), ("envoy cache", _AIM_TO_ENVOY))
    ours = middle.get("gateway")
    return [Aim(f"CPU a hit, to {peer}", ours / middle[peer], most) for peer, most in wanted if ours and peer in middle]
