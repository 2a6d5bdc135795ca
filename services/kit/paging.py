"""The one way to page, filter and sort a list: `?limit=&cursor=&sort=` and the list's own filters.

Pages continue from the last row seen (keyset), so rows that come or go between two pages shift nothing. A
cursor is opaque, and good only for the sort order it came from.
"""

import base64
import binascii
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute
from starlette.requests import Request

from services.kit.clock import parse_instant
from services.kit.inputs import single_values
from services.kit.problem import Problem, bad_request

Row = TypeVar("Row")
Item = TypeVar("Item")
Attribute = InstrumentedAttribute[Any]  # Any: a column of whichever type
Filter = Callable[[str], ColumnElement[bool]]

_PAGING = ("limit", "cursor", "sort")


def _bad(name: str) -> Problem:
    return bad_request(f"bad-{name}", f"Parameter {name} tidak sah.", f"The query parameter {name} is not valid.")


def one_of(column: Attribute, choices: Collection[str]) -> Filter:
    """Filter by equality with one of the known words; several may be joined by commas."""

    def build(value: str) -> ColumnElement[bool]:
        words = value.split(",")
        if not set(words) <= set(choices):
            raise _bad(column.key)
        return column.in_(words)

    return build


def equals(column: Attribute) -> Filter:
    """Filter by equality with any text."""
    return lambda value: column == value


def since(column: Attribute) -> Filter:
    """Filter by instants at or after an RFC 3339 time that carries its offset."""

    def build(value: str) -> ColumnElement[bool]:
        try:
            # An unescaped "+07:00" arrives as a space.
            return column >= parse_instant(value.replace(" ", "+"))
        except ValueError:
            raise _bad("since") from None

    return build


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list offers. Sort columns are never NULL; `tie` is unique and settles equal rows."""

    sorts: Mapping[str, Attribute]
    tie: Attribute
    default_sort: str
    filters: Mapping[str, Filter] = field(default_factory=dict)
    default_limit: int = 20
    max_limit: int = 100

    def read(self, request: Request, *, also: Collection[str] = ()) -> "PageQuery":
        """Read the query strictly; `also` names parameters the endpoint reads itself."""
        values = single_values(request, allowed=[*_PAGING, *self.filters, *also])
        sort = values.get("sort", self.default_sort)
        if sort.removeprefix("-") not in self.sorts:
            raise _bad("sort")
        cursor = values.get("cursor")
        column = self.sorts[sort.removeprefix("-")]
        return PageQuery(
            limit=read_limit(values, self.default_limit, self.max_limit),
            sort=sort,
            column=column,
            tie=self.tie,
            after=None if cursor is None else _read_cursor(cursor, sort, (column, self.tie)),
            conditions=tuple(self.filters[name](values[name]) for name in self.filters if name in values),
        )


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One page asked for. Use `apply` on the statement, then `answer` on the rows."""

    limit: int
    sort: str
    column: Attribute
    tie: Attribute
    after: tuple[Any, Any] | None
    conditions: tuple[ColumnElement[bool], ...]

    def apply(self, statement: Select[Any]) -> Select[Any]:
        """Add filters, order and bounds; one row more than asked tells whether a next page exists."""
        if self.conditions:
            statement = statement.where(*self.conditions)
        if self.after is not None:
            statement = statement.where(self._beyond(*self.after))
        columns = [self.column, self.tie]
        order = [column.desc() if self._descends else column.asc() for column in columns]
        return statement.order_by(*order).limit(self.limit + 1)

    def answer(self, rows: Sequence[Row], to_json: Callable[[Row], Item]) -> dict[str, Any]:
        """Build the page `{items, next}`; `next` is the cursor of the following page or null."""
        shown = rows[: self.limit]
        following = None
        if len(rows) > self.limit:
            last = shown[-1]
            following = _write_cursor(self.sort, getattr(last, self.column.key), getattr(last, self.tie.key))
        return {"items": [to_json(row) for row in shown], "next": following}

    @property
    def _descends(self) -> bool:
        return self.sort.startswith("-")

    def _beyond(self, value: object, tie: object) -> ColumnElement[bool]:
        if self._descends:
            return or_(self.column < value, and_(self.column == value, self.tie < tie))
        return or_(self.column > value, and_(self.column == value, self.tie > tie))


def page_of(
    request: Request,
    items: Sequence[Mapping[str, Any]],
    *,
    filters: Collection[str] = (),
    choices: Mapping[str, Collection[str]] = MappingProxyType({}),
    sorts: Collection[str] = (),
    default_sort: str | None = None,
    max_limit: int = 100,
    also: Collection[str] = (),
) -> dict[str, Any]:
    """Page a short fixed catalogue held in memory by the same parameters; filters compare as text.

    `choices` are filters that take these words only; `also` names parameters the endpoint reads itself.
    """
    values = single_values(request, allowed=[*_PAGING, *filters, *choices, *also])
    for name, words in choices.items():
        if name in values and values[name] not in words:
            raise _bad(name)
    sort = values.get("sort", default_sort)
    wanted = {name: values[name] for name in (*filters, *choices) if name in values}
    chosen = [item for item in items if all(str(item[name]) == value for name, value in wanted.items())]
    if sort is not None:
        if sort.removeprefix("-") not in sorts:
            raise _bad("sort")
        chosen.sort(key=lambda item: item[sort.removeprefix("-")], reverse=sort.startswith("-"))
    start = 0
    if "cursor" in values:
        (start,) = _decode(values["cursor"], [sort or ""], (int,))
    limit = read_limit(values, max_limit, max_limit)
    end = start + limit
    following = _encode([sort or "", end]) if end < len(chosen) else None
    return {"items": chosen[start:end], "next": following}


def read_limit(values: Mapping[str, str], default: int, maximum: int) -> int:
    """Read `limit`: 1 to the maximum, in plain digits."""
    text = values.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= maximum):
        raise _bad("limit")
    return int(text)


def _write_cursor(sort: str, value: object, tie: object) -> str:
    plain = [part.isoformat() if isinstance(part, datetime) else part for part in (value, tie)]
    return _encode([sort, *plain])


def _read_cursor(cursor: str, sort: str, columns: Sequence[Attribute]) -> tuple[Any, Any]:
    value, tie = _decode(cursor, [sort], tuple(column.type.python_type for column in columns))
    return value, tie


def _encode(parts: Sequence[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _decode(cursor: str, expected: Sequence[str], types: Sequence[type]) -> list[Any]:
    """Read a cursor: it must start with what is expected here and hold values of these types."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        head, tail = parts[: len(expected)], parts[len(expected) :]
        if head != list(expected) or len(tail) != len(types):
            raise ValueError
        return [_typed(part, kind) for part, kind in zip(tail, types, strict=True)]
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError):
        raise _bad("cursor") from None


def _typed(part: object, kind: type) -> object:
    if kind is datetime and isinstance(part, str):
        return parse_instant(part)
    if type(part) is not kind:
        raise ValueError
    if (isinstance(part, int) and not 0 <= part < 2**63) or (isinstance(part, str) and "\0" in part):
        raise ValueError
    return part
