"""The data files say where each entry comes from, and a contradiction in them ends the start."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.complaints.catalogue import DEFAULT_CATALOGUE, BadCatalogue, load_catalogue
from services.complaints.clocks import DEFAULT_CLOCKS, load_clocks
from services.complaints.life import Happening
from services.kit.workdays import load_calendar

CALENDAR = load_calendar()


def changed(source: Path, target: Path, old: str, new: str) -> Path:
    content = source.read_text(encoding="utf-8")
    assert old in content
    path = target / source.name
    path.write_text(content.replace(old, new), encoding="utf-8")
    return path


def test_every_category_has_an_agency_and_a_source() -> None:
    catalogue = load_catalogue()
    for category in catalogue.categories.values():
        assert category.agency in catalogue.agencies
        assert category.source


@pytest.mark.parametrize(("old", "new"), [("agency: DLH", "agency: NASA"), ("code: Diskominfo", "code: Kominfo")])
def test_an_agency_that_does_not_exist_ends_the_start(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(BadCatalogue, match="no such agency"):
        load_catalogue(changed(DEFAULT_CATALOGUE, tmp_path, old, new))


@pytest.mark.parametrize(("old", "new"), [("map: near", "map: exact"), ('verified: "no"', "verified: maybe")])
def test_a_value_the_catalogue_does_not_know_ends_the_start(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ValidationError):
        load_catalogue(changed(DEFAULT_CATALOGUE, tmp_path, old, new))


def test_the_clocks_are_those_of_the_sources() -> None:
    clocks = load_clocks(CALENDAR)
    amounts = {promise.rule.code: (promise.rule.amount, promise.rule.unit) for promise in clocks.promises}
    assert amounts == {
        "verification": (3, "workdays"),
        "follow_up": (5, "workdays"),
        "completion_normative": (5, "workdays"),
        "completion_without_supervision": (14, "workdays"),
        "completion_supervision": (60, "workdays"),
        "law": (60, "days"),
    }
    assert {s.rule.code: (s.rule.amount, s.then) for s in clocks.silences} == {
        "closing": (10, Happening.CLOSED_BY_SILENCE),
        "data": (10, Happening.DATA_OVERDUE),
    }


@pytest.mark.parametrize(
    ("old", "new"), [("amount: 3", "amount: 0"), ("DITERIMA", "HILANG"), ("within_days: 30", "x: 1")]
)
def test_a_clock_that_makes_no_sense_ends_the_start(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ValidationError):
        load_clocks(CALENDAR, changed(DEFAULT_CLOCKS, tmp_path, old, new))


def test_a_changed_amount_changes_the_clock(tmp_path: Path) -> None:
    clocks = load_clocks(CALENDAR, changed(DEFAULT_CLOCKS, tmp_path, "amount: 3\n", "amount: 2\n"))
    assert clocks.promises[0].rule.amount == 2
