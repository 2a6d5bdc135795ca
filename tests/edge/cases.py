"""What a case of the tables is: bytes, the section of the standard that speaks of them, and what is to come of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from _pytest.mark import ParameterSet


@dataclass(frozen=True, slots=True)
class Case:
    """`name` reads as a sentence; `section` is where the standard says so (its number alone: an RFC)."""

    name: str
    section: str
    raw: bytes
    status: int = 400


def table(*cases: Case) -> list[ParameterSet]:
    """Return the cases as parameters; two with the same bytes would count one fault twice."""
    assert len({case.raw for case in cases}) == len(cases)
    return [pytest.param(case, id=f"{case.name} [{case.section}]") for case in cases]
