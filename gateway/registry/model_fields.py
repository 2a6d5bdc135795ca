"""Reads the models themselves: what a setting is called and takes. Errors and docs/configuration.md use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.registry.schema.block import SecretText
from gateway.registry.units import Quantity

Path = tuple[str | int, ...]


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the settings of a block under the names they are written by."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def block_at(root: type[BaseModel], loc: Path) -> type[BaseModel]:
    """Return the model of the block at `loc`."""
    model = root
    for step in loc:
        field = fields_of(model).get(step) if isinstance(step, str) else None
        inner = None if field is None else block_in(field.annotation)
        model = inner or model
    return model


def field_at(root: type[BaseModel], loc: Path) -> FieldInfo | None:
    """Return the setting at `loc`; entries of a list belong to the list's own."""
    for index in range(len(loc) - 1, -1, -1):
        step = loc[index]
        field = fields_of(block_at(root, loc[:index])).get(step) if isinstance(step, str) else None
        if field is not None:
            return field
    return None


def block_in(annotation: Any) -> type[BaseModel] | None:  # an annotation may be any typing form
    """Return the block that a type is made of: itself, of a list, or what may be left out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := block_in(part)) is not None), None)


def marks_of(field: FieldInfo) -> Iterator[object]:
    """Yield everything the type of a setting is annotated with, at any depth."""
    pending: list[object] = [*field.metadata, field.annotation]
    while pending:
        mark = pending.pop(0)
        yield mark
        if isinstance(mark, FieldInfo):
            pending.extend(mark.metadata)
        pending.extend(getattr(mark, "__metadata__", ()))
        pending.extend(part for part in get_args(mark) if not isinstance(part, str | int))


def is_list(field: FieldInfo) -> bool:
    """Tell whether a setting takes several."""
    return any(get_origin(mark) is list for mark in marks_of(field))


def holds_secret(field: FieldInfo) -> bool:
    """Tell whether the value of a setting is never shown: it is a secret, or its block has one."""
    if any(isinstance(mark, SecretText) for mark in marks_of(field)):
        return True
    block = block_in(field.annotation)
    return block is not None and any(holds_secret(inner) for inner in fields_of(block).values())


def quantity_of(field: FieldInfo) -> Quantity | None:
    """Return the unit of a setting that has one."""
    return next((mark for mark in marks_of(field) if isinstance(mark, Quantity)), None)


def choices_of(annotation: Any) -> Iterator[object]:  # an annotation may be any typing form
    """Yield the words or numbers that a type admits, when it lists them."""
    for part in get_args(annotation):
        if isinstance(part, str | int) and not isinstance(part, bool):
            yield part
        elif not isinstance(part, Quantity):
            yield from choices_of(part)


def bounds_of(field: FieldInfo) -> str | None:
    """Return the bounds of a number, in words."""
    marks = list(marks_of(field))
    least = next((mark.ge for mark in marks if isinstance(mark, Ge)), None)
    most = next((mark.le for mark in marks if isinstance(mark, Le)), None)
    if least is None:
        return None
    return f"{least} or more" if most is None else f"{least} to {most}"


def example_of(field: FieldInfo) -> str:
    """Return an example of a setting as it is written."""
    if field.examples:
        example = field.examples[0]
        return example if isinstance(example, str) else flow(example)
    choices = list(choices_of(field.annotation))
    if choices:
        return str(choices[0])
    block = block_in(field.annotation)
    if block is not None:
        needed = [f"{name}: {example_of(inner)}" for name, inner in fields_of(block).items() if inner.is_required()]
        example = "{" + ", ".join(needed) + "}"
        return f"[{example}]" if is_list(field) else example
    return "…"


def flow(value: object) -> str:
    """Write a value in YAML's flow style."""
    match value:
        case list():
            return "[" + ", ".join(flow(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
        case str() if value and not set(value) & set("{}[],:#&*!|>'\"%@`"):
            return value
    return json.dumps(value, ensure_ascii=False)
