"""Writes docs/configuration.md from the models, so that documentation, editors and errors cannot drift apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.registry import model_fields
from gateway.registry.json_schema import MODELS

_HEAD: Final = """\
# Configuration

<!-- Written by `gateway docs`. Change the models in gateway/registry/schema/, then run it again. -->

`gateway.yaml` belongs to the gateway's operators; each agency owns one file under `include`. Files are YAML 1.2.
`gateway check` tells what is wrong and how to mend it, `gateway explain METHOD PATH` what applies to a request,
`gateway schema` gives editors something to complete from.

- Nothing unknown is passed over: an unknown or doubled key, an empty value and a number without a unit are errors.
- Durations are written with `ms s m h d`, sizes with `B KB MB GB KiB MiB`, percents with `%`. `0s` is not the same as
  nothing.
- `${env:NAME}`, `${env:NAME:-default}`, `${file:path}` and `${file:path:-default}` are filled into any text, and never
  shown. Put quotes around them inside `[…]` and `{…}`. A literal `${` is written `$${`.
- Paths of files are relative to the file they stand in.
- What a route does not say it has from its service: `auth` and `timeout` setting by setting, `rate_limit`,
  `concurrency` and `cors` whole. No limit and no cache exists unless it is written.
"""
_INTRODUCTIONS: Final = {"gateway": "gateway.yaml", "service": "A service's file"}
_TYPE_NAMES: Final = {str: "text", int: "number", bool: "true or false", float: "number"}


def documentation() -> str:
    """Return the whole page."""
    pieces = [_HEAD]
    seen: set[type[BaseModel]] = set()
    for kind, model in MODELS.items():
        pieces.append(f"\n## {_INTRODUCTIONS[kind]}\n\n{_summary(model)}\n\n{_table(model)}")
        for path, block in _blocks(model, "", seen):
            pieces.append(f"### `{path}`\n\n{_summary(block)}\n\n{_table(block)}")
    return "\n".join(pieces)


def _summary(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _blocks(model: type[BaseModel], prefix: str, seen: set[type[BaseModel]]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the blocks inside a model, outer ones first; one that several places share comes once."""
    for name, field in model_fields.fields_of(model).items():
        block = model_fields.block_in(field.annotation)
        if block is None or block in seen:
            continue
        seen.add(block)
        path = f"{prefix}{name}" + ("[]" if model_fields.is_list(field) else "")
        yield path, block
        yield from _blocks(block, f"{path}.", seen)


def _table(model: type[BaseModel]) -> str:
    rows = ["| setting | meaning | type | unit | default | allowed | example |", "|---|---|---|---|---|---|---|"]
    for name, field in model_fields.fields_of(model).items():
        cells = (
            f"`{name}`",
            field.description or "",
            _type(field),
            _unit(field),
            _default(field),
            _allowed(field),
            _example(name, field),
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _type(field: FieldInfo) -> str:
    quantity = model_fields.quantity_of(field)
    block = model_fields.block_in(field.annotation)
    if get_origin(field.annotation) is dict or any(get_origin(part) is dict for part in get_args(field.annotation)):
        return "mapping"
    if block is not None:
        return "list of blocks" if model_fields.is_list(field) else "block"
    if quantity is not None:
        return quantity.kind
    marks = model_fields.marks_of(field)
    name = next((_TYPE_NAMES[mark] for mark in marks if isinstance(mark, type) and mark in _TYPE_NAMES), "text")
    if _is_choice(field):
        number = isinstance(next(model_fields.choices_of(field.annotation)), int)
        name = "number" if number else "word"
    return f"list of {name}s" if model_fields.is_list(field) else name


def _is_choice(field: FieldInfo) -> bool:
    return next(model_fields.choices_of(field.annotation), None) is not None


def _unit(field: FieldInfo) -> str:
    quantity = model_fields.quantity_of(field)
    return "" if quantity is None else " ".join(quantity.units)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    default: Any = field.get_default(call_default_factory=True, validated_data={})
    quantity = model_fields.quantity_of(field)
    if default is None or isinstance(default, BaseModel):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if quantity is not None and isinstance(default, int | float):
        return f"`{quantity.write(default)}`"
    return f"`{default}`" if isinstance(default, str) else f"`{model_fields.flow(default)}`"


def _example(name: str, field: FieldInfo) -> str:
    """Show how the setting is written; a block has its own table."""
    if field.examples:
        return f"`{name}: {model_fields.example_of(field)}`"
    if model_fields.block_in(field.annotation) is not None:
        return ""
    default = _default(field).strip("`")
    return f"`{name}: {model_fields.example_of(field) if field.is_required() else default}`"


def _allowed(field: FieldInfo) -> str:
    if model_fields.block_in(field.annotation) is not None:
        return ""
    quantity = model_fields.quantity_of(field)
    if quantity is not None:
        return quantity.allowed
    choices = [f"`{choice}`" for choice in model_fields.choices_of(field.annotation)]
    return ", ".join(choices) or model_fields.bounds_of(field) or ""
