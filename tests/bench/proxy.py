"""`SUITE=proxy`: the whole job, request by request, beside bare nginx, HAProxy, Envoy and the naive way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.bench.contenders import Contender
from tests.bench.gateway_setup import GatewaySetup
from tests.bench.loads import Workload, proxy_loads
from tests.bench.measuring import Cost, Effort, Latency, measure_costs, measure_latencies
from tests.bench.options import Options
from tests.bench.progress import Progress
from tests.bench.reporting import Aim, Table, aims_table, as_text, cost_table, summary_table
from tests.bench.site_setup import Field, prepared

PEERS: Final = ("nginx", "haproxy", "envoy", "naive")
_AIM_TO_ENVOY, _AIM_TO_HAPROXY = 0.42, 0.27
_WITHOUT_HAPROXY_A_SECOND: Final = 4_500.0  # half of what HAProxy does on a machine of this kind


def run(options: Options) -> dict[str, object]:
    """Measure all loads and return the result."""
    effort = Effort(3, 0.5) if options.quick else Effort(5, 1.0)
    with prepared() as field, Progress() as progress:
        progress.step("starting")
        contenders = [field.gateway(), *field.peers(options.chosen(PEERS))]
        # The first load is the yardstick of the fixed rate: it is always measured.
        first, *others = proxy_loads(field.tokens, quick=options.quick)
        loads = [first, *(load for load in others if options.takes(load.name))]
        costs: dict[str, list[Cost]] = {}
        for load in loads:
            costs[load.name] = measure_costs(
                field.driver, _taking_part(field, contenders, load, options), load, effort, progress
            )
            progress.say(as_text(cost_table(load, costs[load.name], base="nginx")))
        rate = _half_of_haproxy(costs[loads[0].name])
        waiting = [one for one in contenders if one.name != "naive"]  # it would only show its own queue
        latencies = measure_latencies(field.driver, waiting, loads[0], rate, effort, progress)
        tables = [
            summary_table(costs, base="nginx"),
            latency_table(latencies, rate),
            memory_table(contenders),
            aims_table(_aims(loads, costs, latencies)),
        ]
        for table in tables:
            progress.say(as_text(table))
    figures = {name: {cost.name: cost.to_json() for cost in row} for name, row in costs.items()}
    return {"tables": [table.to_json() for table in tables], "figures": figures}


def _taking_part(
    field: Field, contenders: Sequence[Contender], load: Workload, options: Options
) -> Sequence[Contender]:
    """Return who takes part in a load: the naive way is slow enough that one load tells all there is to know."""
    if load.tls:
        able = [name for name in options.chosen(PEERS) if name != "naive"]
        return [
            field.gateway(GatewaySetup(name="gateway", folder="gateway-tls", tls=True)),
            *field.peers(able, tls=True),
        ]
    return contenders if load.name == "same head" else [one for one in contenders if one.name != "naive"]


def _half_of_haproxy(costs: Sequence[Cost]) -> float:
    """Return half of HAProxy's capacity: of what one whole processor would do."""
    haproxy = next((cost for cost in costs if cost.name == "haproxy"), None)
    return 0.5e6 / haproxy.middle if haproxy is not None else _WITHOUT_HAPROXY_A_SECOND


def ratio(costs: Sequence[Cost], to: str) -> float | None:
    """Return what the gateway costs, as a multiple of another."""
    middle = {cost.name: cost.middle for cost in costs}
    return middle["gateway"] / middle[to] if middle.get(to) else None


def latency_table(latencies: Sequence[Latency], rate: float) -> Table:
    """Return what was waited at the fixed rate."""
    rows = tuple((one.name, f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", str(one.failed)) for one in latencies)
    return Table(
        f"Waiting at {rate:,.0f} requests a second, half of HAProxy's capacity",
        ("program", "p50 ms", "p99 ms", "failed"),
        rows,
        "Open rate: each request's time runs from when it was due, whether or not earlier ones were answered.",
    )


def memory_table(contenders: Sequence[Contender]) -> Table:
    """Return the memory of everybody after all of it."""
    rows = tuple((one.name, f"{one.memory_bytes() / 1e6:.1f}") for one in contenders)
    return Table("Resident memory after all loads", ("program", "MB"), rows)


def _aims(loads: Sequence[Workload], costs: dict[str, list[Cost]], latencies: Sequence[Latency]) -> list[Aim]:
    aims = []
    for load in loads:
        seen = ratio(costs[load.name], "nginx")
        if seen is not None and load.aim is not None:
            aims.append(Aim(f"{load.name}: CPU to nginx", seen, load.aim))
    for peer, most in (("envoy", _AIM_TO_ENVOY), ("haproxy", _AIM_TO_HAPROXY)):
        seen = ratio(costs[loads[0].name], peer)
        if seen is not None:
            aims.append(Aim(f"{loads[0].name}: CPU to {peer}", seen, most))
    waited = {one.name: one.p99_ms for one in latencies}
    if "envoy" in waited:
        aims.append(Aim("p99 at the fixed rate, beside Envoy's", waited["gateway"], waited["envoy"], "ms"))
    return aims
