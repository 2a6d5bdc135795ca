from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.registry import reader
from gateway.registry.interpolation import Interpolation
from gateway.registry.problems import ConfigProblem
from gateway.registry.reader import Document, Tree
from tests.registry.files import unmarked

BOTH = pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "python"])


def read(text: str | bytes, *, pure: bool = False) -> tuple[Document | None, list[ConfigProblem]]:
    content = text.encode() if isinstance(text, str) else text
    return reader.read(content, "f.yaml", Interpolation(Path(), {}), pure=pure)


def value_of(text: str, *, pure: bool = False) -> Any:
    document, problems = read(text, pure=pure)
    assert problems == []
    assert document is not None
    return document.tree.value


@BOTH
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("off", "off"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-12", -12),
        ("0", 0),
        ("0o17", 15),
        ("0x1F", 31),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("=", "="),
        ("10s", "10s"),
    ],
)
def test_scalars_are_what_yaml_1_2_says(written: str, value: object, pure: bool) -> None:
    read_back = value_of(f"a: {written}\n", pure=pure)["a"]
    assert (read_back, type(read_back)) == (value, type(value))


# Where a mistake is told, and what is said. Wordings of the two scanners differ, ours must not.
FAULTS = [
    ("a: 1\nb: 2\n«a: 3\n", "a", "this key stands twice, so one of its values would be lost"),
    ("a: {b: 1, «b: 2}\n", "b", "this key stands twice, so one of its values would be lost"),
    ("a: 1\n'«a': 2\n".replace("'«", "«'"), "a", "this key stands twice, so one of its values would be lost"),
    ("a: &x {b: 1}\nc: {«<<: *x}\n", "<<", "YAML 1.2 has no merge keys"),
    ("«[a]: 1\n", "", "a list or mapping as a key"),
    ("a: «0215512345\n", "0215512345", "a number with a leading zero: a phone number or a code would lose it"),
    ("a: «.inf\n", ".inf", "a number without an end"),
    ("a: «-.INF\n", "-.INF", "a number without an end"),
    ("a: «.nan\n", ".nan", "a number without an end"),
    ("a: «123456789012345678901\n", "12345678901234567890…", "a number with too many digits"),
    ("a: «!!int x\n", "x", "not a number"),
    ("a: «!!binary aGk=\n", "tag:yaml.org,2002:binary", "a tag; tags are not used here"),
    ("a: «!mine {b: 1}\n", "!mine", "a tag; tags are not used here"),
    ("a: 1\n«---\nb: 2\n", "", "a second document begins here, and a file holds one"),
    ("a:\n«\tb: 1\n", "b", "a tab is no indentation in YAML"),
    ("a: 1\n b«: 2\n", "b", "a `:` where no value can follow: the indentation is wrong, or a text holds `: `"),
    ("a: b«: c\n", "a", "a `:` where no value can follow: the indentation is wrong, or a text holds `: `"),
    ("a: [1, 2\nb«: 3\n", "b", "a `[` or `{` before this place is not closed"),
    ("a: [http://x:$«{env:P:-1}]\n", "a", "a `[` or `{` before this place is not closed"),
    ("a: «@x\n", "a", "a text cannot begin with this character"),
    ("a: «`x`\n", "a", "a text cannot begin with this character"),
    ("a: «*nowhere\n", "a", "no anchor with this name stands before"),
    ("a: &x 1\nb: «&x 2\n", "b", "an anchor with this name stands before"),
    ("a: «!foo!bar x\n", "a", "a tag; tags are not used here"),
    ("a: 'x\n«", "", "a quote before this place is not closed"),
    ("a: b«\x01c\n", "", "a control character or a character that YAML does not allow"),
    ("«", "", "the file is empty"),
    ("«# only a comment\n", "", "the file is empty"),
]


@BOTH
@pytest.mark.parametrize(("text", "value", "reason"), FAULTS, ids=[repr(fault[0])[:28] for fault in FAULTS])
def test_a_mistake_is_told_where_it_stands(text: str, value: str, reason: str, pure: bool) -> None:
    clean, place = unmarked(text)
    _, problems = read(clean, pure=pure)
    assert [(one.value, one.reason) for one in problems] == [(value, reason)]
    assert (problems[0].origin.line, problems[0].origin.column) == place
    assert problems[0].remedy


def test_all_mistakes_of_single_values_are_told_at_once() -> None:
    _, problems = read("a: 01\nb: !x y\na: 2\nc: .inf\n")
    assert [one.origin.line for one in problems] == [1, 2, 3, 4]


@BOTH
def test_a_mistake_next_to_a_secret_does_not_show_it(pure: bool) -> None:
    _, problems = read("password: hunter2: x\n", pure=pure)
    assert "hunter2" not in str(problems)


def test_aliases_repeat_a_value_and_keep_its_place() -> None:
    document, problems = read("a: &x [1]\nb: *x\n")
    assert problems == []
    assert document is not None
    assert document.tree.value == {"a": [1], "b": [1]}
    assert str(document.origin(("b", 0))) == "f.yaml:1:8"


def test_aliases_of_aliases_are_refused_before_they_grow() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    document, problems = read("\n".join(lines))
    assert document is None
    assert problems[-1].reason == "more than 500000 values, aliases expanded"


def test_an_anchor_that_holds_itself_is_refused() -> None:
    _, problems = read("a: &x [*x]\n")
    assert [one.reason for one in problems] == ["nested too deeply"]


@BOTH
@pytest.mark.parametrize("opening", ["[" * 5_000, "- " * 5_000 + "x", "[" * 40 + "]" * 40])
def test_deep_nesting_is_refused_and_crashes_nothing(opening: str, pure: bool) -> None:
    document, problems = read(opening, pure=pure)
    assert document is None
    assert [one.reason for one in problems] == ["nested too deeply"]


def test_a_huge_file_is_refused_unread() -> None:
    _, problems = read(b"a" * (reader.MAX_BYTES + 1))
    assert [one.reason for one in problems] == ["the file is larger than 4 MiB"]


def test_a_file_that_is_not_utf_8_is_told_with_the_place() -> None:
    _, problems = read("é: ok\nb: ".encode() + b"\xff\n")
    assert str(problems[0]).startswith("f.yaml:2:4: this is not UTF-8")


def test_a_byte_order_mark_shifts_no_column() -> None:
    document, _ = read("\ufeffa: 1\n")
    assert document is not None
    assert str(document.origin(("a",))) == "f.yaml:1:4"


def test_a_reference_that_cannot_be_filled_in_is_told_and_the_rest_is_read() -> None:
    document, problems = read("a: ${env:MISSING}\nb: 1\n")
    assert [str(one) for one in problems] == [
        "f.yaml:1:4: ${env:MISSING}: the environment variable MISSING is not set\n"
        "    fix: set MISSING, or write ${env:MISSING:-default}"
    ]
    assert document is not None
    assert document.tree.value == {"a": "${env:MISSING}", "b": 1}


names = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)
leaves = st.integers(-999, 999) | st.booleans() | st.from_regex(r"[A-Z][a-zéü]{0,8}", fullmatch=True)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))


class Writer:
    """Writes a value as YAML, block or flow, and notes where everything came to stand."""

    def __init__(self, draw_flow: st.DataObject) -> None:
        self.text = ""
        self.places: dict[tuple[str | int, ...], tuple[int, int]] = {}
        self._draw = draw_flow

    def place(self) -> tuple[int, int]:
        return self.text.count("\n") + 1, len(self.text.rpartition("\n")[2]) + 1

    def write(self, value: Any, loc: tuple[str | int, ...], indent: int) -> None:
        if isinstance(value, dict) and value and self._draw.draw(st.booleans()):
            self._block(value, loc, indent)
        else:
            self._flow(value, loc)

    def _block(self, value: dict[str, Any], loc: tuple[str | int, ...], indent: int) -> None:
        if loc:
            self.text += "\n" + " " * indent
        self.places[loc] = self.place()
        for number, (key, inner) in enumerate(value.items()):
            if number:
                self.text += ("" if self.text.endswith("\n") else "\n") + " " * indent
            self.text += f"{key}:" + " "
            self.write(inner, (*loc, key), indent + 2)

    def _flow(self, value: Any, loc: tuple[str | int, ...]) -> None:
        self.places[loc] = self.place()
        if isinstance(value, list):
            self._entries("[", [((*loc, number), "", inner) for number, inner in enumerate(value)], "]")
        elif isinstance(value, dict):
            self._entries("{", [((*loc, key), f"{key}: ", inner) for key, inner in value.items()], "}")
        else:
            self.text += str(value).lower() if isinstance(value, bool) else str(value)

    def _entries(self, opening: str, entries: list[tuple[tuple[str | int, ...], str, Any]], closing: str) -> None:
        self.text += opening
        for number, (loc, lead, inner) in enumerate(entries):
            self.text += (", " if number else "") + lead
            self._flow(inner, loc)
        self.text += closing


@BOTH
@given(value=st.dictionaries(names, values, min_size=1, max_size=4), drawn=st.data())
def test_every_value_knows_its_line_and_column(value: dict[str, Any], drawn: st.DataObject, pure: bool) -> None:
    writer = Writer(drawn)
    writer.write(value, (), 0)
    document, problems = read(writer.text + "\n", pure=pure)
    assert problems == []
    assert document is not None
    assert document.tree.value == value
    for loc, place in writer.places.items():
        tree: Tree = document.tree.at(loc)
        assert (tree.line, tree.column) == place, (loc, writer.text)


@BOTH
@given(
    text=st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
    | st.text("ab:{}[],-&*!|>'\"%@`#\n\t ?0${", max_size=40)
)
def test_no_text_crashes_the_reader(text: str, pure: bool) -> None:
    document, problems = read(text, pure=pure)
    assert document is not None or problems
    lines = text.splitlines() or [""]
    for problem in problems:
        assert 1 <= problem.origin.line <= len(lines) + 1
        assert problem.reason
        assert problem.remedy
