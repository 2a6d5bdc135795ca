"""Refuses what several workers cannot serve together."""

from __future__ import annotations

from pathlib import Path

from gateway.registry.problems import ConfigError, ConfigProblem, Origin
from gateway.registry.snapshot import Snapshot
from gateway.store.open import is_shared


def refuse_memory_store(config: Path, snapshot: Snapshot, workers: int) -> None:
    """Raise ConfigError when more than one worker would each keep limits in its own memory."""
    if workers == 1 or is_shared(snapshot.store):
        return
    origins = snapshot.origins
    written = origins.get("store.url") or origins.get("store")
    reason = f"each of {workers} workers would count for itself, so a limit would let {workers} times as much through"
    if written is None:
        reason = f"no `store:` is written, so limits are kept in memory: {reason}"
    problem = ConfigProblem(
        written or Origin(config.as_posix(), 1, 1),
        "" if written is None else snapshot.store.url,
        reason,
        "name a store that the workers share, such as `store: redis://127.0.0.1:6379`, or run with --workers 1",
    )
    raise ConfigError([problem])
