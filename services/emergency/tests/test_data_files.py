"""The data files say where each entry comes from, and a fault in them ends the start."""

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.emergency.catalogue import FOLDER, load_catalogue

FILES = ("kinds.yaml", "posts.yaml", "rules.yaml")


def changed(folder: Path, file: str, old: str, new: str) -> Path:
    for name in FILES:
        shutil.copy(FOLDER / name, folder / name)
    content = (folder / file).read_text(encoding="utf-8")
    assert old in content
    (folder / file).write_text(content.replace(old, new), encoding="utf-8")
    return folder


def test_every_rule_of_suspicion_has_its_points_and_every_kind_a_source() -> None:
    catalogue = load_catalogue()
    named = {"untrue_before", "many_reports", "far_apart", "impossible_place", "signed_in"}
    assert named == catalogue.suspicion.points.keys()
    assert all(kind.source for kind in catalogue.kinds.values())
    assert catalogue.unacknowledged.total_seconds() == 30


def test_every_agency_of_a_kind_has_a_unit_to_send() -> None:
    catalogue = load_catalogue()
    needed = {agency for kind in catalogue.kinds.values() for agency in kind.agencies}
    assert needed <= {unit.agency for unit in catalogue.units.values()}


@pytest.mark.parametrize("word", ["fire", " FIRE ", "kebakaran", "", "other"])
def test_every_word_is_a_kind(word: str) -> None:
    assert load_catalogue().kind(word).code == ("fire" if word.strip().lower() == "fire" else "other")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("kinds.yaml", "severity: 1", "severity: 7"),
        ("kinds.yaml", "verified: no", "verified: perhaps"),
        ("posts.yaml", "kind: health", "kind: bakery"),
        ("rules.yaml", "version: 1", "version: 2"),
        ("rules.yaml", "unacknowledged_seconds: 30", "unacknowledged_seconds: 0"),
    ],
)
def test_a_value_that_makes_no_sense_ends_the_start(tmp_path: Path, file: str, old: str, new: str) -> None:
    with pytest.raises(ValidationError):
        load_catalogue(changed(tmp_path, file, old, new))


def test_a_catalogue_without_other_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="other"):
        load_catalogue(changed(tmp_path, "kinds.yaml", "code: other", "code: another"))
