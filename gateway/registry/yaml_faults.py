"""Says in plain words what the YAML scanner found wrong, and what to write instead."""

from __future__ import annotations

from typing import Final

from yaml.error import MarkedYAMLError, YAMLError
from yaml.reader import ReaderError

from gateway.registry.problems import ConfigProblem, Origin

# What the scanner says (libyaml's words, then pure Python's), why that is, and what to do.
_PHRASES: Final = (
    (
        ("exceeded maximum nesting depth",),
        "nested too deeply",
        "close the brackets; no setting is deeper than a few levels",
    ),
    (
        ("found another document",),
        "a second document begins here, and a file holds one",
        "remove the `---`, or put the second document into a file of its own",
    ),
    (
        ("tab character", r"'\t'"),
        "a tab is no indentation in YAML",
        "indent with spaces, two a level",
    ),
    (
        ("mapping values are not allowed",),
        "a `:` where no value can follow: the indentation is wrong, or a text holds `: `",
        "line the key up with its neighbours, or put the text in quotes",
    ),
    (
        ("expected ',' or ']'", "expected ',' or '}'"),
        "a `[` or `{` before this place is not closed",
        "close it, separate entries by commas, and quote texts that hold `{`, such as ${env:NAME}",
    ),
    (
        ("could not find expected ':'", "did not find expected key", "expected <block end>"),
        "neither a `key: value` nor a list entry at the level of its neighbours",
        "write `key: value`, and indent it like its neighbours",
    ),
    (
        ("unexpected end of stream",),
        "a quote before this place is not closed",
        "close the quote",
    ),
    (
        ("unknown escape character",),
        "an escape that double quotes do not know",
        "write \\\\ for a backslash, or use single quotes",
    ),
    (
        ("duplicate anchor", "second occurrence"),
        "an anchor with this name stands before",
        "give each anchor a name of its own",
    ),
    (
        ("undefined alias",),
        "no anchor with this name stands before",
        "write the value itself, or define &name first",
    ),
    (
        ("undefined tag handle",),
        "a tag; tags are not used here",
        "remove it; a text that begins with ! needs quotes",
    ),
    (
        ("cannot start any token",),
        "a text cannot begin with this character",
        "put the text in quotes",
    ),
)


def translate(error: YAMLError, text: str, file: str) -> ConfigProblem:
    """Turn what the scanner or composer raised over `text` into a problem."""
    if isinstance(error, ReaderError):
        line, column = place(text, error.position)
        reason = "a control character or a character that YAML does not allow"
        return ConfigProblem(Origin(file, line, column), "", reason, "remove it, or write it as an escape in quotes")
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
    reason, remedy = _explain(text, line, column, str(getattr(error, "problem", error)))
    return ConfigProblem(Origin(file, line, column), _excerpt(text, line), reason, remedy)


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of a character of `text`."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _explain(text: str, line: int, column: int, said: str) -> tuple[str, str]:
    lines = text.split("\n")
    if line <= len(lines) and "\t" in lines[line - 1][: column + 1] and not lines[line - 1][:column].strip():
        said = "tab character"  # libyaml blames what comes after the tab
    for phrases, reason, remedy in _PHRASES:
        if any(phrase in said for phrase in phrases):
            return reason, remedy
    return f"not YAML: {said}", "see https://yaml.org/spec/1.2.2/, or compare with a file that works"


def _excerpt(text: str, line: int) -> str:
    lines = text.split("\n")
    # What stands in the file may be a secret next to the mistake: show the key at most.
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    return shown.partition(":")[0][:40] if ":" in shown else ""
