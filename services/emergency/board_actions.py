"""What operators may do to an incident, as they send it: one model for each action, and the events it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.emergency.lenient import WholeNumber
from services.emergency.machine import Happening
from services.kit.inputs import parse_json
from services.kit.problem import FieldError, Problem, Refused, Text, unprocessable


def _says_something(text: str) -> str:
    if not text.strip():
        raise Refused("Tuliskan dengan kata-kata.", "Put it in words.")
    return text.strip()


Words = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_says_something)]
UnitCode = Annotated[str, Field(min_length=1, max_length=32)]


class Action(BaseModel):
    """What every action shares."""

    model_config = ConfigDict(extra="forbid", strict=True)
    action: str


class Acknowledge(Action):
    """An operator has read the report: from here on the caller is told that somebody has it."""


class Assess(Action):
    """An operator judges how urgent it is, and may correct the kind."""

    priority: WholeNumber = Field(ge=1, le=3)
    kind: str | None = Field(default=None, max_length=32)


class Dispatch(Action):
    """One or several units are called."""

    units: list[UnitCode] = Field(min_length=1, max_length=20)


class MoveUnit(Action):
    """A called unit departs, arrives, or is released."""

    unit: UnitCode


class Close(Action):
    """Nothing more is to be done; `outcome` says how it ended."""

    outcome: Literal["handled", "handled_by_phone", "no_help_needed", "nobody_found"]
    note: Words | None = None


class WithReason(Action):
    """A judgement, and why; for the operators' own record."""

    reason: Words


class Plain(Action):
    """An action that needs no words."""


class Merge(Action):
    """The same emergency was reported before: this report joins it and stays visible in it."""

    into: str = Field(min_length=1, max_length=16)


class HandOver(Action):
    """Another city's centre takes over."""

    centre: str = Field(max_length=32)
    note: Words | None = None


class Write(Action):
    """A sentence: to the caller (`write`) or to the other operators (`note`)."""

    text: Words


@dataclass(frozen=True, slots=True)
class Kind:
    """An action by its model, and the event it becomes."""

    model: type[Action]
    happening: Happening


ACTIONS: Mapping[str, Kind] = MappingProxyType(
    {
        "acknowledge": Kind(Acknowledge, Happening.ACKNOWLEDGED),
        "assess": Kind(Assess, Happening.ASSESSED),
        "dispatch": Kind(Dispatch, Happening.DISPATCHED),
        "depart": Kind(MoveUnit, Happening.DEPARTED),
        "arrive": Kind(MoveUnit, Happening.ARRIVED),
        "release": Kind(MoveUnit, Happening.RELEASED),
        "close": Kind(Close, Happening.CLOSED),
        "reopen": Kind(WithReason, Happening.REOPENED),
        "merge": Kind(Merge, Happening.MERGED),
        "separate": Kind(Plain, Happening.SEPARATED),
        "find_untrue": Kind(WithReason, Happening.FOUND_UNTRUE),
        "reinstate": Kind(WithReason, Happening.REINSTATED),
        "hand_over": Kind(HandOver, Happening.HANDED_OVER),
        "take_back": Kind(WithReason, Happening.TAKEN_BACK),
        "note": Kind(Write, Happening.NOTED),
        "write": Kind(Write, Happening.OPERATOR_WROTE),
    }
)


class _Named(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    action: str


def parse_action(body: bytes) -> tuple[Action, Happening]:
    """Read an action; 422 names the fields that are wrong, or the actions there are."""
    name = parse_json(body, _Named).action
    if name not in ACTIONS:
        raise wrong_field("action", ACTIONS)
    kind = ACTIONS[name]
    return parse_json(body, kind.model), kind.happening


def details_of(action: Action) -> list[dict[str, Any]]:
    """Return what each event of the action remembers: one event, or one for every unit called."""
    if isinstance(action, Dispatch):
        return [{"unit": unit} for unit in dict.fromkeys(action.units)]
    return [action.model_dump(exclude={"action"}, exclude_none=True)]


def wrong_field(field: str, known: Mapping[str, object]) -> Problem:
    """Build the 422 that names what there is to choose from."""
    names = ", ".join(known)
    return unprocessable(FieldError(field, Text(f"Pilihan yang ada: {names}.", f"Must be one of: {names}.")))
