"""What a reader needs to know of where it was measured: machine, kernel, this Python and how it was built, peers."""

from __future__ import annotations

import os
import platform
import sysconfig
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.bench.programs import version_of

_FLAGS: Final = ("CONFIG_ARGS", "PY_CFLAGS", "PY_CORE_CFLAGS", "CONFIGURE_CFLAGS_NODIST", "PY_CORE_LDFLAGS")


def describe(peers: Sequence[str]) -> dict[str, str]:
    """Return the facts, in the order they are told."""
    load = os.getloadavg()[0]
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.machine()}, {os.cpu_count()} × {_processor()}, {_memory_gigabytes():.0f} GB",
        "load before": f"{load:.1f}",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, {python_build()}",
        **{peer: version_of(peer) for peer in peers},
    }


def python_build() -> str:
    """Tell how this interpreter was compiled; builds of one version differ in speed by a tenth and more."""
    told = " ".join(str(sysconfig.get_config_var(name) or "") for name in _FLAGS)
    return build_of(told, distribution=_distribution(), compiler=platform.python_compiler())


def build_of(flags: str, *, distribution: str, compiler: str) -> str:
    """Read the compiler's flags: the last level of optimisation given counts; profile and link time if ever named.

    A distribution may optimise by profile without leaving a trace in its flags, so that is only called unknown there.
    """
    levels = [word for word in flags.replace("'", " ").split() if word.startswith("-O")]
    level = levels[-1] if levels else "no -O"
    if "--enable-optimizations" in flags or "-fprofile-use" in flags:
        profile = "optimised by profile (PGO)"
    elif distribution:
        profile = f"the build of {distribution}; its flags name no profile (PGO)"
    else:
        profile = "not optimised by profile (no --enable-optimizations)"
    link = "link-time optimised" if "-flto" in flags or "--with-lto" in flags else "no LTO"
    return f"{level}, {profile}, {link}, {compiler}"


def _distribution() -> str:
    """Return whose package this interpreter is, judged by where it lives."""
    if sysconfig.get_config_var("prefix") != "/usr" and sysconfig.get_config_var("installed_base") != "/usr":
        return ""
    try:
        return str(platform.freedesktop_os_release().get("PRETTY_NAME", ""))
    except OSError:
        return ""


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "processor")


def _memory_gigabytes() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
