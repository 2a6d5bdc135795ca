"""Holds a document against a model and tells what is wrong in an operator's words, each thing where it stands.

What pydantic says is translated here and nowhere else; its own messages, which quote values, are never shown.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gateway.registry import model_fields
from gateway.registry.model_fields import Path
from gateway.registry.problems import ConfigProblem
from gateway.registry.reader import Document, Tree

M = TypeVar("M", bound=BaseModel)

FREE_FORM: Final = "offline"  # the one setting whose content is the agency's own JSON, nulls included
_SHOWN_CHARACTERS: Final = 60

# What pydantic misses, in words: what is needed, and what to write.
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "string_type": ("a text is needed here", "put it in quotes"),
    "int_type": ("a whole number is needed here", "write it in digits, without quotes"),
    "bool_type": (
        "true or false is needed here",
        "write true or false; `yes`, `no`, `on` and `off` are texts in YAML 1.2",
    ),
    "list_type": ("a list is needed here", "write [a, b], or one `- entry` a line"),
    "dict_type": ("`key: value` lines are needed here", "write {key: value}, or one `key: value` a line"),
    "model_type": ("a block of settings is needed here", "write one `key: value` a line; known here: {keys}"),
}


def validate(document: Document, model: type[M]) -> tuple[M | None, list[ConfigProblem]]:
    """Return the document as a `model` (None when it is none), and every problem."""
    if not isinstance(document.tree.value, dict):
        problem = ConfigProblem(document.origin(()), "", "`key: value` lines are needed", "begin with `version: 1`")
        return None, [problem]
    problems = list(_empty_values(document, document.tree, ()))
    try:
        return model.model_validate(document.tree.value, by_alias=True), problems
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    # An empty value was told above; that it has the wrong type too is no news.
    written = [detail for detail in details if document.tree.at(detail["loc"]).value is not None]
    return None, problems + [_translate(document, model, detail) for detail in written]


def _empty_values(document: Document, tree: Tree, loc: Path) -> Iterator[ConfigProblem]:
    """A key without a value is a mistake: nobody can tell whether the default or nothing at all is meant."""
    for key, child in tree.children.items():
        if key == FREE_FORM:
            continue
        here = (*loc, key)
        if child.value is None:
            remedy = "give it a value, or remove the key to have the default"
            if isinstance(key, str) and ":" in key:
                remedy = "write a space after the colon"
            yield ConfigProblem(document.origin(here, of_key=True), str(key), "nothing is written for it", remedy)
        elif child.children:
            yield from _empty_values(document, child, here)


def shown(tree: Tree) -> str:
    """Show a single value as it is written, shortened. What holds others is not shown: one of them may be a secret."""
    if tree.written is not None:
        return tree.written
    if tree.children:
        return ""
    text = tree.value if isinstance(tree.value, str) else model_fields.flow(tree.value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _translate(document: Document, root: type[BaseModel], detail: ErrorDetails) -> ConfigProblem:
    of_key = detail["loc"][-1:] == ("[key]",)  # a key of a mapping such as `statuses`
    loc = detail["loc"][:-1] if of_key else detail["loc"]
    if detail["type"] == "extra_forbidden":
        return _unknown_key(document, root, loc)
    if detail["type"] == "missing":
        return _missing_key(document, root, loc)
    field = model_fields.field_at(root, loc)
    tree = document.tree.at(loc)
    value = str(loc[-1]) if of_key else shown(tree)
    if tree.written is None and field is not None and model_fields.holds_secret(field):
        value = "(hidden)"
    context = detail.get("ctx", {})
    reason, remedy = _words(root, loc, detail["type"], context, field)
    if tree.written is not None and context.get("echoes"):
        reason, remedy = "what is filled in here is not what this setting needs", _like(field)
    return ConfigProblem(document.origin(loc, of_key=of_key), value, reason, remedy)


def _unknown_key(document: Document, root: type[BaseModel], loc: Path) -> ConfigProblem:
    key = str(loc[-1])
    known = list(model_fields.fields_of(model_fields.block_at(root, loc[:-1])))
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    remedy = f"did you mean `{near[0]}`?" if near else f"remove it; known here: {', '.join(known)}"
    return ConfigProblem(document.origin(loc, of_key=True), key, "an unknown key, which would do nothing", remedy)


def _missing_key(document: Document, root: type[BaseModel], loc: Path) -> ConfigProblem:
    key = str(loc[-1])
    field = model_fields.field_at(root, loc)
    example = "…" if field is None else model_fields.example_of(field)
    place = document.origin(loc[:-1], of_key=len(loc) > 1 and isinstance(loc[-2], str))
    return ConfigProblem(place, "", f"`{key}` is missing", f"write `{key}: {example}`")


def _words(
    root: type[BaseModel], loc: Path, kind: str, context: Mapping[str, Any], field: FieldInfo | None
) -> tuple[str, str]:
    """Return reason and remedy of an error that pydantic calls `kind`."""
    if kind == "refused":
        return str(context["reason"]), str(context["remedy"])
    if kind in _TYPES:
        reason, remedy = _TYPES[kind]
        keys = ", ".join(model_fields.fields_of(model_fields.block_at(root, loc))) if kind == "model_type" else ""
        return reason, remedy.replace("{keys}", keys)
    if kind == "literal_error" and field is not None:
        return "not one of the values known here", f"write {_either(field)}"
    if kind in ("greater_than_equal", "less_than_equal") and field is not None:
        return "out of bounds", f"write {model_fields.bounds_of(field)}"
    if kind == "too_short":
        return "nothing is listed", "list at least one"
    if kind == "string_too_short":
        return "too short", f"write {context['min_length']} characters or more"
    if kind == "string_too_long":
        return "too long", f"write {context['max_length']} characters or fewer"
    return "not what this setting needs", _like(field)


def _like(field: FieldInfo | None) -> str:
    return f"write it like {'…' if field is None else model_fields.example_of(field)}"


def _either(field: FieldInfo) -> str:
    words = [str(choice) for choice in model_fields.choices_of(field.annotation)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
