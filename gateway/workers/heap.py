"""Keeps the collector of cycles from looking, again and again, through what lives as long as the process."""

from __future__ import annotations

import gc


def settle_heap() -> None:
    """Set aside what the start has made, once it is complete.

    A full collection walks through everything there is, which with a large registry holds requests up for tens of
    milliseconds. What is made later (a next registry too) is collected as ever.
    """
    gc.collect()
    gc.freeze()
