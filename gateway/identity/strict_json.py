"""Reads JSON that decides about people: one meaning or none.

It accepts no duplicate member, no NaN or infinity, nothing but UTF-8, and no text that UTF-8 cannot write again.
"""

from __future__ import annotations

import json
from typing import NoReturn


def loads(raw: bytes) -> object:
    """Return the value `raw` stands for; raise ValueError when it is not strict JSON (RFC 8259, RFC 7493)."""
    try:
        value: object = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
        # Writing it again finds what reading lets through: 1e999 (infinity) and lone surrogates such as "\ud800",
        # which no later stage could encode.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
