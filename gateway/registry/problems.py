"""What can be wrong with a configuration: where, what was written, why it is refused, and what to write instead.

It finds nothing itself; reader, validation, compiler and loader do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where a value was written: file, line and column count from 1."""

    file: str
    line: int
    column: int
    # The text as it stands in the file, when the value came from outside it: shown in the value's place, which may be
    # a secret.
    written: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class ConfigProblem:
    """One thing that is wrong. `value` is shown as written and is empty when nothing was."""

    origin: Origin
    value: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        shown = f"{self.value}: " if self.value else ""
        return f"{self.origin}: {shown}{self.reason}\n    fix: {self.remedy}"

    @property
    def line(self) -> str:
        """The same on a single line, for logs and readiness."""
        return str(self).replace("\n    fix: ", "; fix: ")


class ConfigError(Exception):
    """A configuration is refused. Carries every problem that was found, sorted by place."""

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        return "\n".join([f"{head} in the configuration", *map(str, self.problems)])
