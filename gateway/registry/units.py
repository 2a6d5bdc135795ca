"""Quantities with their units, as they are written in YAML: durations, sizes, percents.

A number without a unit is refused, for `timeout: 10` has meant seconds, milliseconds and minutes in other gateways.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Kind: TypeAlias = Literal["duration", "size", "percent"]

_UNITS: Final[Mapping[Kind, Mapping[str, Decimal]]] = {
    "duration": {unit: Decimal(size) for unit, size in (
        ("ms", "0.001"), ("s", "1"), ("m", "60"), ("h", "3600"), ("d", "86400"),
    )},
    "size": {unit: Decimal(size) for unit, size in (
        ("B", 1), ("KB", 1_000), ("KiB", 1_024), ("MB", 1_000_000), ("MiB", 1_048_576), ("GB", 1_000_000_000),
    )},
    "percent": {"%": Decimal("0.01")},
}  # fmt: skip
_EXAMPLES: Final[Mapping[Kind, str]] = {
    "duration": "write 10s, 10m or 500ms (units: ms s m h d)",
    "size": "write 512KB, 5MB or 1MiB (units: B KB MB GB KiB MiB)",
    "percent": "write 99.5%",
}
_AMOUNT: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(.*)", re.DOTALL)


def refused(reason: str, remedy: str, *, echoes: bool = False) -> PydanticCustomError:
    """Make the error a validator raises: why the value is refused, and what to write instead.

    `echoes` says that one of them repeats the value, which is not shown when it came from outside the file.
    """
    return PydanticCustomError("refused", "{reason}", {"reason": reason, "remedy": remedy, "echoes": echoes})


@dataclass(frozen=True, slots=True)
class Quantity:
    """Reads a text with a unit into a number: seconds, bytes or a share of 1. Bounds are in that number."""

    kind: Kind
    at_least: float = 0
    at_most: float | None = None

    @property
    def units(self) -> tuple[str, ...]:
        """The units it may be written in."""
        return tuple(_UNITS[self.kind])

    @property
    def allowed(self) -> str:
        """The bounds, in words."""
        least = write(self.kind, self.at_least)
        return f"{least} or more" if self.at_most is None else f"{least} to {write(self.kind, self.at_most)}"

    def write(self, amount: float) -> str:
        """Spell an amount as it is written in YAML."""
        return write(self.kind, amount)

    def read(self, value: object) -> float | int:
        """Return the number `value` stands for. Raises PydanticCustomError."""
        amount = _amount(self.kind, value)
        if amount < Decimal(str(self.at_least)) or (self.at_most is not None and amount > Decimal(str(self.at_most))):
            raise refused("out of bounds", f"write {self.allowed}")
        if self.kind != "size":
            return float(amount)
        if amount != int(amount):
            raise refused("not a whole number of bytes", "write a smaller unit, such as B")
        return int(amount)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        spelled = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_plain_validator_function(self.read, serialization=spelled)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        units = "|".join(self.units)
        return {"type": "string", "pattern": rf"^[0-9]+(\.[0-9]+)?({units})$|\$\{{"}


def _amount(kind: Kind, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refused(f"not a {kind}", _EXAMPLES[kind])
    if not isinstance(value, str):
        raise refused(f"{value} what? A number alone is no {kind}", _with_units(kind, f"{value}"))
    matched = _AMOUNT.fullmatch(value)
    if matched is None:
        raise refused(f"not a {kind}", _EXAMPLES[kind])
    number, unit = matched.groups()
    if unit == "":
        raise refused(f"a number alone is no {kind}", _EXAMPLES[kind])
    size = _UNITS[kind].get(unit)
    if size is None:
        raise refused(f"not a unit of a {kind}", _EXAMPLES[kind])
    return Decimal(number) * size


def _with_units(kind: Kind, number: str) -> str:
    examples = {"duration": ("s", "m", "ms"), "size": ("KB", "MB"), "percent": ("%",)}[kind]
    written = [number + unit for unit in examples]
    return "write " + (written[0] if len(written) == 1 else f"{', '.join(written[:-1])} or {written[-1]}")


def write(kind: Kind, amount: float) -> str:
    """Spell an amount the way it is written in YAML, in the largest unit that leaves a whole number."""
    exact = Decimal(str(amount))
    if exact == 0:
        return {"duration": "0s", "size": "0B", "percent": "0%"}[kind]
    by_size = sorted(_UNITS[kind].items(), key=lambda item: item[1], reverse=True)
    for unit, size in by_size:
        if exact % size == 0:
            return f"{int(exact / size)}{unit}"
    unit, size = by_size[-1]
    return f"{(exact / size).normalize():f}{unit}"


Duration: TypeAlias = Annotated[float, Quantity("duration")]
PositiveDuration: TypeAlias = Annotated[float, Quantity("duration", at_least=0.001)]
Size: TypeAlias = Annotated[int, Quantity("size")]
HeadSize: TypeAlias = Annotated[int, Quantity("size", at_least=1_000, at_most=1_048_576)]
Percent: TypeAlias = Annotated[float, Quantity("percent", at_most=1)]
