"""Idle connections: how many are held at once, and what each takes."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.contenders import Contender
from tests.bench.gateway_setup import GatewaySetup
from tests.bench.holding import Holding, Kind
from tests.bench.loads import request
from tests.bench.options import Options
from tests.bench.plan import Plan
from tests.bench.progress import Progress
from tests.bench.reporting import Aim, Table, number
from tests.bench.site_setup import Field

_AIM_KILOBYTES: Final = 6.0
_OTHER_FILES: Final = 500  # that a process has open beside its connections
_SETTLED_AFTER_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Idle:
    """What held connections took from one program. `kept` of them it had not closed at the end."""

    name: str
    is_tls: bool
    held: int
    kept: int
    growth_bytes: int

    @property
    def bytes_each(self) -> float:
        return self.growth_bytes / max(1, self.held)

    def aim(self) -> Aim:
        return Aim("memory of an idle plain connection", self.bytes_each / 1024, _AIM_KILOBYTES, "KB")

    @property
    def is_our_plain(self) -> bool:
        return self.name == "gateway" and not self.is_tls


def hold_idle(field: Field, options: Options, plain: int, tls: int, progress: Progress) -> list[Idle]:
    """Hold so many plain connections, and so many with TLS, to a fresh gateway and a fresh nginx in turn."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _OTHER_FILES
    seen = []
    for kind, wanted in (("idle", plain), ("idle-tls", tls)):
        is_tls = kind == "idle-tls"
        setup = GatewaySetup(folder=f"gateway-{kind}", tls=is_tls)
        for contender in [field.gateway(setup), *field.peers(options.chosen(["nginx"]), tls=is_tls, folder=kind)]:
            progress.step(f"{min(wanted, most):,} connections ({kind}): {contender.name}")
            seen.append(_hold(field, contender, "idle-tls" if is_tls else "idle", min(wanted, most)))
            contender.end()
    return seen


def _hold(field: Field, contender: Contender, kind: Kind, wanted: int) -> Idle:
    asked = request(field.tokens.make(0))
    is_tls = kind == "idle-tls"
    field.driver.run(Plan(contender.port, (asked,), connections=32, seconds=0.3, tls=is_tls))
    before = contender.memory_bytes()
    with Holding(kind, contender.port, wanted, asked, field.site.directory) as holding:
        time.sleep(_SETTLED_AFTER_SECONDS)
        growth = contender.memory_bytes() - before
        return Idle(contender.name, is_tls, holding.held, holding.end(), growth)


def idle_table(seen: Sequence[Idle]) -> Table:
    """Return what held connections took."""
    rows = tuple(
        (
            f"{one.name}, {'TLS' if one.is_tls else 'plain'}",
            f"{one.held:,}",
            f"{one.kept:,}",
            f"{one.growth_bytes / 1e6:.1f}",
            number(one.bytes_each / 1024),
        )
        for one in seen
    )
    columns = ("program", "held at once", "still open", "memory grew, MB", "KB each")
    return Table("Idle connections, each after one request", columns, rows)
