"""Collects what is wrong in one document while it is compiled."""

from __future__ import annotations

from pathlib import Path

from gateway.registry.problems import ConfigProblem, Origin
from gateway.registry.reader import Document, Loc
from gateway.registry.validation import FREE_FORM, shown


class Findings:
    """The problems and warnings of one document, told at the places of its values."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[ConfigProblem] = []
        self.warnings: list[str] = []

    def refuse(self, loc: Loc, reason: str, remedy: str, *, of_key: bool = False, hidden: bool = False) -> None:
        """Refuse the value at `loc`; `hidden` keeps it out of the message."""
        tree = self.document.tree.at(loc)
        value = "" if hidden else shown(tree)
        self.problems.append(ConfigProblem(self.document.origin(loc, of_key=of_key), value, reason, remedy))

    def warn(self, loc: Loc, text: str) -> None:
        """Tell what serves well enough today."""
        self.warnings.append(f"{self.document.origin(loc)}: {text}")

    def existing(self, loc: Loc, name: str, directory: Path) -> Path:
        """Return the path of a file that is named at `loc`, relative to `directory`; refuse it when there is none."""
        path = directory / name
        if not path.is_file():
            self.refuse(loc, f"the file {path} does not exist", "create it, or correct the path")
        return path


def settings(document: Document, loc: Loc = (), prefix: str = "") -> dict[str, Origin]:
    """Return where every setting below `loc` was written, by its dotted name; entries of lists by their number."""
    found: dict[str, Origin] = {}
    pending = [(prefix, document.tree.at(loc))]
    while pending:
        name, tree = pending.pop()
        if name:
            found[name] = Origin(document.file, tree.line, tree.column, tree.written)
        if name.endswith(FREE_FORM):
            continue
        if name.endswith(("rate_limit", "concurrency")) and isinstance(tree.value, dict):
            name += ".0"  # one limit stands for a list of one
        pending.extend((f"{name}.{step}" if name else str(step), child) for step, child in tree.children.items())
    return found
