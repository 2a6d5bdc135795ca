"""A gateway whose clock is ahead: `python -m tests.bench.ahead HOURS run --config …`.

Only the clock on the wall differs, as on a machine whose time was set wrong; durations are measured as ever.
"""

from __future__ import annotations

import sys
import time


def main() -> None:
    """Set the clock ahead before any of the gateway is loaded, and be the gateway."""
    seconds, right = int(sys.argv.pop(1)) * 3600, time.time
    time.time = lambda: right() + seconds

    from gateway.cli import main as run  # what it loads reads the clock that was set

    run()


if __name__ == "__main__":
    main()
