"""The processes of one machine: one that serves, or many that serve as one gateway under a supervisor.

    gateway run --workers 1          gateway run --workers 4

    single ── public, ops            supervisor ── ops, signals, the registry of all
                                       ├─ worker 0 ── public        joined by a socket pair each (channel)
                                       ├─ worker 1 ── public
                                       └─ …

docs/workers.md tells the whole; everything a request meets is in `app` and below, and the same either way.
"""

from __future__ import annotations

from gateway.workers.command import run as run
from gateway.workers.cpus import usable_cpus as usable_cpus
from gateway.workers.server import serving as serving
