"""How many files the process may have open: each citizen's connection is one, and each agency's.

The soft limit that shells and service managers give (often 1,024) is for programs that use select(2), and nothing here
does. So the process takes what the hard limit allows, and its workers inherit that.
"""

from __future__ import annotations

import contextlib
import resource

from gateway.telemetry.logs import Log


def raise_open_files(log: Log) -> None:
    """Raise the soft RLIMIT_NOFILE to the hard one, and log both; where the system refuses, what it was stays."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # "unlimited" may be more than the kernel grants a process
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    log.info("open files", limit=soft, hard_limit=hard, limit_before=before)
