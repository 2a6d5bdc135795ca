"""`SUITE=scale`: what grows with the city, and what must not: routes, known citizens, bodies, idle connections."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.bodies import bodies_table, move_bodies, read_slowly, slow_table
from tests.bench.growth import growth_table, many_citizens, many_routes
from tests.bench.idle import hold_idle, idle_table
from tests.bench.measuring import Effort
from tests.bench.options import Options
from tests.bench.progress import Progress
from tests.bench.reporting import Aim, Table, aims_table, as_text
from tests.bench.site_setup import prepared


@dataclass(frozen=True, slots=True)
class Size:
    """How much of each is measured."""

    effort: Effort
    routes: int = 40_000
    citizens: int = 100_000
    body_megabytes: int = 1_024
    idle: int = 15_000
    idle_tls: int = 5_000


def run(options: Options) -> dict[str, object]:
    """Measure everything that scales; return the result."""
    quick = Size(Effort(3, 0.3), routes=4_000, citizens=2_000, body_megabytes=64, idle=1_000, idle_tls=200)
    size = quick if options.quick else Size(Effort(9, 0.7))
    tables: list[Table] = []
    aims: list[Aim] = []
    with prepared() as field, Progress() as progress:

        def show(table: Table) -> None:
            tables.append(table)
            progress.say(as_text(table))

        routes = many_routes(field, size.routes, size.effort, progress)
        visits, citizens = many_citizens(field, size.citizens, size.effort, progress)
        show(growth_table([routes, *citizens], visits))
        aims += [one.aim() for one in (routes, *citizens)]

        contenders = [field.gateway(), *field.peers(options.chosen(["nginx"]))]
        moved = move_bodies(field, contenders, size.body_megabytes, progress)
        show(bodies_table(moved, size.body_megabytes))
        aims += [aim for one in moved if one.name == "gateway" for aim in one.aims(moved)]
        show(slow_table(read_slowly(field, contenders, progress)))

        idle = hold_idle(field, options, size.idle, size.idle_tls, progress)
        show(idle_table(idle))
        aims += [one.aim() for one in idle if one.is_our_plain]
        show(aims_table(aims))
    return {"tables": [table.to_json() for table in tables]}
