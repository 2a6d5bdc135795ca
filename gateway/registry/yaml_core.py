"""Composes YAML texts into nodes by the core schema of YAML 1.2.2 (section 10.3): `no` is a text, `010` is no octal.

It builds no Python objects from tags and follows nothing; libyaml does the scanning where it is there.
"""

from __future__ import annotations

import re
from typing import Final

from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

try:
    from yaml._yaml import CParser
except ImportError:  # PyYAML built without libyaml: the same answers, six times slower
    CParser = None  # type: ignore[assignment, misc]

STR: Final = "tag:yaml.org,2002:str"
INT: Final = "tag:yaml.org,2002:int"
FLOAT: Final = "tag:yaml.org,2002:float"
BOOL: Final = "tag:yaml.org,2002:bool"
NULL: Final = "tag:yaml.org,2002:null"
MAP: Final = "tag:yaml.org,2002:map"
SEQ: Final = "tag:yaml.org,2002:seq"

_CORE: Final = re.compile(
    r"(?P<null>null|Null|NULL|~|)"
    r"|(?P<bool>true|True|TRUE|false|False|FALSE)"
    r"|(?P<int>[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_TAGS: Final = {"null": NULL, "bool": BOOL, "int": INT, "float": FLOAT}


class _CoreSchema(BaseResolver):
    """Decides what a plain scalar is."""

    def resolve(self, kind: type[Node], value: object, implicit: object) -> str:
        if kind is ScalarNode and isinstance(implicit, tuple) and implicit[0] and isinstance(value, str):
            found = _CORE.fullmatch(value)
            return _TAGS[found.lastgroup or "null"] if found else STR
        if kind is ScalarNode:
            return STR
        return MAP if kind is MappingNode else SEQ


class PureComposer(Reader, Scanner, Parser, Composer, _CoreSchema):
    """Composes in pure Python."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _CoreSchema.__init__(self)


if CParser is not None:

    class FastComposer(CParser, _CoreSchema):
        """Composes with libyaml."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            _CoreSchema.__init__(self)


def compose(text: str, *, pure: bool = False) -> Node | None:
    """Return the root node of the one document in `text`, None when it is empty. Raises yaml.YAMLError."""
    composer = PureComposer(text) if pure or CParser is None else FastComposer(text)
    return composer.get_single_node()
