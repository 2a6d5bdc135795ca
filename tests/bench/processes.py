"""What the kernel's accounting says of a process and all its descendants: time on a processor, and memory.

Reads /proc; nothing here starts or ends a process.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

CPU_OF_THE_MEASURED: Final = 0
CPU_OF_THE_OTHERS: Final = 1  # load and agency

_RESET_PEAK: Final = "5"  # proc(5), clear_refs: the peak of resident memory starts again from what is resident now


def pin(cpu: int) -> None:
    """Keep this process on one processor, where there are several."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {cpu})


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    pids = [root]
    for pid in pids:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            pids += [int(child) for child in _text(children).split()]
    return pids


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the time on a processor, user and system, over all living threads.

    Counted by the scheduler in nanoseconds; /proc/PID/stat counts in ticks of 10 ms.
    """
    stats = (path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int((_text(path) or "0").split()[0]) for path in stats) / 1e9


def resident_bytes(pids: Iterable[int]) -> int:
    """Return the resident memory, pages that several of them share counted once for each."""
    return sum(_status(pids, "VmRSS"))


def reset_peak(pids: Iterable[int]) -> None:
    """Let `peak_bytes` start again from now."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def peak_bytes(pids: Iterable[int]) -> int:
    """Return the most memory that was ever resident since `reset_peak`; the kernel keeps it, nothing is sampled."""
    return sum(_status(pids, "VmHWM"))


def _status(pids: Iterable[int], name: str) -> Iterator[int]:
    for pid in pids:
        for line in _text(Path(f"/proc/{pid}/status")).splitlines():
            if line.startswith(name + ":"):
                yield int(line.split()[1]) * 1024


def _text(path: Path) -> str:
    """Return what stands there, or nothing when its process has ended meanwhile."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
