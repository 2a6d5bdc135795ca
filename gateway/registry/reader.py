"""Reads one YAML file into plain values that know where they stand.

It refuses what a reader of the file could mistake: duplicate keys, merge keys, tags, numbers with a leading zero, and
aliases that grow. It knows nothing of what the values mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from yaml.error import YAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway.registry import yaml_core
from gateway.registry.interpolation import Interpolation, Unresolved
from gateway.registry.problems import ConfigProblem, Origin
from gateway.registry.yaml_faults import place, translate

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_NODES: Final = 500_000  # counted with every alias expanded; 10,000 full routes need a third
MAX_DEPTH: Final = 32  # the deepest setting is at 6; offline answers may nest

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
Loc: TypeAlias = "Sequence[str | int]"

_NOTHING: Final[Mapping[str | int, Tree]] = MappingProxyType({})
_NO_KEYS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Tree:
    """A value and everything in it, with its places; `written` is the text before references were filled in."""

    line: int
    column: int
    value: Plain
    children: Mapping[str | int, Tree] = field(default_factory=lambda: _NOTHING)
    keys: Mapping[str, tuple[int, int]] = field(default_factory=lambda: _NO_KEYS)
    written: str | None = None

    def at(self, loc: Loc) -> Tree:
        """Return the value at `loc`, or the innermost one on the way to it that was written.

        A single value may stand where a list of them can, so a step that leads nowhere is passed over.
        """
        tree = self
        for step in loc:
            tree = tree.children.get(step, tree)
        return tree


@dataclass(frozen=True, slots=True)
class Document:
    """One file as it was read."""

    file: str
    tree: Tree

    def origin(self, loc: Loc, *, of_key: bool = False) -> Origin:
        """Return where the value (or its key) at `loc` stands."""
        tree = self.tree.at(loc)
        if of_key and loc:
            place = self.tree.at(loc[:-1]).keys.get(str(loc[-1]))
            if place is not None:
                return Origin(self.file, *place)
        return Origin(self.file, tree.line, tree.column, tree.written)


def read(
    content: bytes, file: str, interpolation: Interpolation, *, pure: bool = False
) -> tuple[Document | None, list[ConfigProblem]]:
    """Read a file's `content`; `file` is the name problems are told under. The document is None when it has no shape.

    References that cannot be filled in stand as written, each with a problem.
    """
    try:
        text = _decode(content, file)
        root = yaml_core.compose(text, pure=pure)
    except _Refused as refused:
        return None, [refused.problem]
    except YAMLError as error:
        return None, [translate(error, text, file)]
    except RecursionError:
        return None, [ConfigProblem(Origin(file, 1, 1), "", "nested too deeply", "close the brackets")]
    if root is None:
        return None, [ConfigProblem(Origin(file, 1, 1), "", "the file is empty", "write at least `version: 1`")]
    walk = _Walk(file, interpolation)
    try:
        tree = walk.tree(root, 0)
    except _Refused as refused:
        return None, [*walk.problems, refused.problem]
    return Document(file, tree), walk.problems


class _Refused(Exception):
    """The file cannot be read at all."""

    def __init__(self, problem: ConfigProblem) -> None:
        super().__init__(problem)
        self.problem = problem


def _decode(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        reason = f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB"
        raise _Refused(ConfigProblem(Origin(file, 1, 1), "", reason, "split the service, or check what the file is"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        origin = Origin(file, *place(before, len(before)))
        raise _Refused(ConfigProblem(origin, "", "this is not UTF-8", "save the file as UTF-8")) from None


class _Walk:
    """Turns nodes into trees, collecting what is wrong with single values."""

    def __init__(self, file: str, interpolation: Interpolation) -> None:
        self.problems: list[ConfigProblem] = []
        self._file = file
        self._interpolation = interpolation
        self._nodes = 0

    def tree(self, node: Node, depth: int) -> Tree:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            reason = "nested too deeply" if depth > MAX_DEPTH else f"more than {MAX_NODES} values, aliases expanded"
            remedy = "write the values out; an alias inside its own anchor, or aliases of aliases, grow without end"
            raise _Refused(ConfigProblem(self._origin(node), "", reason, remedy))
        if isinstance(node, MappingNode) and node.tag == yaml_core.MAP:
            return self._mapping(node, depth)
        if isinstance(node, SequenceNode) and node.tag == yaml_core.SEQ:
            items = [self.tree(item, depth + 1) for item in node.value]
            line, column = _position(node)
            return Tree(line, column, [item.value for item in items], dict(enumerate(items)))
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._complain(node, str(node.tag), "a tag; tags are not used here", "remove it")
        return Tree(*_position(node), None)

    def _mapping(self, node: MappingNode, depth: int) -> Tree:
        children: dict[str | int, Tree] = {}
        keys: dict[str, tuple[int, int]] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in keys:
                first_line = keys[key][0]
                remedy = f"keep one of them; the first stands at line {first_line}"
                self._complain(key_node, key, "this key stands twice, so one of its values would be lost", remedy)
                continue
            value = self.tree(value_node, depth + 1)
            if key is not None:
                keys[key] = _position(key_node)
                children[key] = value
        line, column = _position(node)
        return Tree(line, column, {key: children[key].value for key in keys}, children, keys)

    def _key(self, node: Node) -> str | None:
        if not isinstance(node, ScalarNode):
            self._complain(node, "", "a list or mapping as a key", "write a plain word as the key")
            return None
        if node.value == "<<" and not node.style:
            remedy = "repeat the lines; what all routes share is written once at the service"
            self._complain(node, "<<", "YAML 1.2 has no merge keys", remedy)
            return None
        return str(node.value)

    def _scalar(self, node: ScalarNode) -> Tree:
        line, column = _position(node)
        text: str = node.value
        if node.tag != yaml_core.STR:
            return Tree(line, column, self._typed(node, text))
        if "${" not in text:
            return Tree(line, column, text)
        try:
            filled = self._interpolation.fill(text)
        except Unresolved as unresolved:
            self._complain(node, text, unresolved.reason, unresolved.remedy)
            return Tree(line, column, text, written=text)
        return Tree(line, column, filled.text, written=text if filled.from_outside else None)

    def _typed(self, node: ScalarNode, text: str) -> Plain:
        match node.tag:
            case yaml_core.NULL:
                return None
            case yaml_core.BOOL if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case yaml_core.INT | yaml_core.FLOAT:
                return self._number(node, text)
        self._complain(node, str(node.tag), "a tag; tags are not used here", "remove it")
        return text

    def _number(self, node: ScalarNode, text: str) -> Plain:
        digits = text.lstrip("+-")
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            reason = "a number with a leading zero: a phone number or a code would lose it"
            self._complain(node, text, reason, f"put it in quotes ('{text}') if it is a text, else drop the zero")
            return text
        if len(digits) > 20:
            self._complain(node, text[:20] + "…", "a number with too many digits", "put it in quotes if it is a text")
            return text
        try:
            number = _integer(text) if node.tag == yaml_core.INT else _float(text)
        except ValueError:
            self._complain(node, text, "not a number", "write a number, or remove the tag")
            return text
        if isinstance(number, float) and not math.isfinite(number):
            self._complain(node, text, "a number without an end", "write a finite number")
            return text
        return number

    def _origin(self, node: Node) -> Origin:
        return Origin(self._file, *_position(node))

    def _complain(self, node: Node, value: str, reason: str, remedy: str) -> None:
        self.problems.append(ConfigProblem(self._origin(node), value, reason, remedy))


def _position(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _integer(text: str) -> int:
    for prefix, base in (("0o", 8), ("0x", 16)):
        if text.startswith(prefix):
            return int(text[2:], base)
    return int(text)


def _float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".nan", "nan").lower().replace(".inf", "inf"))
