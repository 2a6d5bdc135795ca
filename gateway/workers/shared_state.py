"""Refuses what several workers cannot serve together."""

from __future__ import annotations

from pathlib import Path

from gateway.registry.problems import ConfigError, ConfigProblem, Origin
from gateway.registry.snapshot import Snapshot
from gateway.store.open import is_shared


def refuse_memory_store(config: Path, snapshot: Snapshot, workers: int) -> None:
    """Raise ConfigError when more than one worker would each keep a limit in its own memory that does not say so."""
    if workers == 1 or is_shared(snapshot.store):
        return
    rates = {one.name: one.accuracy for route in snapshot.routes for one in route.limits}
    crowds = {one.name: one.accuracy for route in snapshot.routes for one in route.concurrency}
    misled = sorted(name for name, accuracy in (*rates.items(), *crowds.items()) if accuracy != "local")
    if not misled:
        return
    origins = snapshot.origins
    written = origins.get("store.url") or origins.get("store")
    reason = f"each of {workers} workers would count for itself, so a limit would let {workers} times as much through"
    if written is None:
        reason = f"no `store:` is written, so limits are kept in memory: {reason}"
    reason += f" ({misled[0]}" + (f" and {len(misled) - 1} more)" if len(misled) > 1 else ")")
    problem = ConfigProblem(
        written or Origin(config.as_posix(), 1, 1),
        "" if written is None else snapshot.store.url,
        reason,
        "name a store that the workers share, such as `store: redis://127.0.0.1:6379`, run with --workers 1, or write "
        "`accuracy: local` under each limit",
    )
    raise ConfigError([problem])
