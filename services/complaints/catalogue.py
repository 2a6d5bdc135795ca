"""What can be reported and who mends it: categories and agencies, read from a data file at start.

A fault in the file ends the start with its place; a report is never sent to an agency that does not exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.kit.problem import Text
from services.kit.yaml_file import read_yaml

DEFAULT_CATALOGUE = Path(__file__).with_name("categories.yaml")
DESK_AGENCY = "Diskominfo"  # runs Laksa's verification desk


class _Title(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    en: str


class _Sourced(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: str
    verified: Literal["yes", "no"]


class _Agency(_Sourced):
    code: str
    name: str


class _Category(_Sourced):
    code: str
    title: _Title
    agency: str
    handling: Literal["normative", "without_supervision", "supervision"]
    map: Literal["near", "district"]
    evidence: Literal["yes", "no"]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: Literal["1"]
    agencies: list[_Agency]
    categories: list[_Category]


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency (OPD) that reports can be forwarded to."""

    code: str
    name: str
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of thing citizens report. `shows_position` allows a rounded position on the public map."""

    code: str
    title: Text
    agency: str
    handling: str
    shows_position: bool
    needs_evidence: bool
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All categories and agencies by code."""

    categories: Mapping[str, Category]
    agencies: Mapping[str, Agency]


class BadCatalogue(Exception):
    """The data file contradicts itself."""


def load_catalogue(path: Path = DEFAULT_CATALOGUE) -> Catalogue:
    """Read the file; raise ValidationError or BadCatalogue."""
    # BaseLoader keeps every scalar a text: no `no` that becomes False before the model reads it.
    parsed = _File.model_validate(read_yaml(path))
    agencies = {a.code: Agency(a.code, a.name, a.source, a.verified == "yes") for a in parsed.agencies}
    categories = {entry.code: _category(entry) for entry in parsed.categories}
    unknown = {category.agency for category in categories.values()} - agencies.keys()
    if unknown or DESK_AGENCY not in agencies:
        raise BadCatalogue(f"{path.name}: no such agency: {', '.join(sorted(unknown)) or DESK_AGENCY}")
    return Catalogue(MappingProxyType(categories), MappingProxyType(agencies))


def _category(entry: _Category) -> Category:
    return Category(
        code=entry.code,
        title=Text(entry.title.id, entry.title.en),
        agency=entry.agency,
        handling=entry.handling,
        shows_position=entry.map == "near",
        needs_evidence=entry.evidence == "yes",
        source=entry.source,
        verified=entry.verified == "yes",
    )
