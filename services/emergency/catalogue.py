"""What 112 knows before anybody calls: kinds, posts, units, neighbours and the rules of ranking, read at start.

A fault in a data file ends the start with its place. What is not verified says so wherever it is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.kit.problem import Text
from services.kit.yaml_file import read_yaml

FOLDER = Path(__file__).parent
OTHER = "other"

Model = TypeVar("Model", bound=BaseModel)
Verified = Annotated[bool, BeforeValidator({"yes": True, "no": False}.get)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Title(_Strict):
    id: str
    en: str


class _Group(_Strict):
    metres: int = Field(gt=0)
    minutes: int = Field(gt=0)


class _Kind(_Strict):
    code: str
    title: _Title
    advice: _Title
    agencies: list[str] = Field(min_length=1)
    severity: int = Field(ge=1, le=3)
    group: _Group
    source: str
    verified: Verified


class _KindsFile(_Strict):
    version: Literal["1"]
    kinds: list[_Kind]


class Post(_Strict):
    """A place to go to for help. `phone` is a short code."""

    code: str
    kind: Literal["fire", "health", "police"]
    name: str
    phone: str
    lat: float
    lon: float


class _PostsFile(_Strict):
    version: Literal["1"]
    source: str
    verified: Verified
    posts: list[Post]


class SuspicionRules(_Strict):
    """How many points each sign of a prank counts, and when they add up to something."""

    some: int = Field(gt=0)
    strong: int = Field(gt=0)
    untrue_before_days: int
    many_reports_minutes: int
    many_reports: int
    far_apart_km: float
    points: dict[str, int]


class Neighbour(_Strict):
    """Another city's centre, found by the nearest of these points."""

    code: str
    name: str
    lat: float
    lon: float


class Unit(_Strict):
    """Somebody who can be sent."""

    code: str
    agency: str
    name: str


class _RulesFile(_Strict):
    version: Literal["1"]
    unacknowledged_seconds: int = Field(gt=0)
    source: str
    verified: Verified
    suspicion: SuspicionRules
    neighbours: list[Neighbour] = Field(min_length=1)
    units: list[Unit]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of emergency. `severity` 1 threatens life, 3 can wait a little."""

    code: str
    title: Text
    advice: Text
    agencies: tuple[str, ...]
    severity: int
    group_metres: int
    group_within: timedelta
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that the data files say."""

    kinds: Mapping[str, Kind]
    posts: tuple[Post, ...]
    posts_source: str
    posts_verified: bool
    units: Mapping[str, Unit]
    neighbours: Mapping[str, Neighbour]
    suspicion: SuspicionRules
    unacknowledged: timedelta
    rules_verified: bool

    def kind(self, word: str) -> Kind:
        """Return the kind of this name; a word we do not know is an emergency too, of kind `other`."""
        return self.kinds.get(word.strip().lower(), self.kinds[OTHER])


def load_catalogue(folder: Path = FOLDER) -> Catalogue:
    """Read the data files; raise ValidationError, or KeyError where a mandatory kind is missing."""
    kinds = {entry.code: _kind(entry) for entry in _read(folder / "kinds.yaml", _KindsFile).kinds}
    posts = _read(folder / "posts.yaml", _PostsFile)
    rules = _read(folder / "rules.yaml", _RulesFile)
    kinds[OTHER]
    return Catalogue(
        kinds=MappingProxyType(kinds),
        posts=tuple(posts.posts),
        posts_source=posts.source,
        posts_verified=posts.verified,
        units=MappingProxyType({unit.code: unit for unit in rules.units}),
        neighbours=MappingProxyType({place.code: place for place in rules.neighbours}),
        suspicion=rules.suspicion,
        unacknowledged=timedelta(seconds=rules.unacknowledged_seconds),
        rules_verified=rules.verified,
    )


def _read(path: Path, model: type[Model]) -> Model:
    # BaseLoader keeps every scalar a text: no `no` that becomes False before the model reads it.
    document: Any = read_yaml(path)
    return model.model_validate(document)


def _kind(entry: _Kind) -> Kind:
    return Kind(
        code=entry.code,
        title=Text(entry.title.id, entry.title.en),
        advice=Text(entry.advice.id, entry.advice.en),
        agencies=tuple(entry.agencies),
        severity=entry.severity,
        group_metres=entry.group.metres,
        group_within=timedelta(minutes=entry.group.minutes),
        source=entry.source,
        verified=entry.verified,
    )
