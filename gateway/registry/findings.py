"""Collects what is wrong in one document while it is compiled."""

from __future__ import annotations

from gateway.registry.problems import ConfigProblem, Origin
from gateway.registry.reader import Document, Loc
from gateway.registry.validation import FREE_FORM, shown


class Findings:
    """The problems of one document, told at the places of its values."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[ConfigProblem] = []

    def refuse(self, loc: Loc, reason: str, remedy: str, *, of_key: bool = False, hidden: bool = False) -> None:
        """Refuse the value at `loc`; `hidden` keeps it out of the message."""
        tree = self.document.tree.at(loc)
        value = "" if hidden else shown(tree)
        self.problems.append(ConfigProblem(self.document.origin(loc, of_key=of_key), value, reason, remedy))


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
        if name.endswith("rate_limit") and isinstance(tree.value, dict):
            name += ".0"  # one limit stands for a list of one
        pending.extend((f"{name}.{step}" if name else str(step), child) for step, child in tree.children.items())
    return found
