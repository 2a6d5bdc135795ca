"""How many processors this process may really use: what `--workers auto` means."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2, as a container sees its own


def usable_cpus(limit: Path = _CGROUP_LIMIT) -> int:
    """Return the processors this process may run on, or fewer when its container has a smaller share of time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = limit.read_text().split()
        share = math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no cgroup v2, or "max": no limit
        return allowed
    return max(1, min(allowed, share))
