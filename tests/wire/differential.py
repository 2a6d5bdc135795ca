"""Where our reading of some bytes differs from a peer's, named so that it can be looked up in a table.

`docs/parser-differences.md` explains every difference that may be found; the table there is what tests read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.wire import peers
from tests.wire.peers import Declined, Message, Opinion
from tests.wire.reading import Answer, Incomplete, Refused, Request, read_answer, read_request

Direction = Literal["requests", "answers"]
PAGE: Final = Path(__file__).parents[2] / "docs" / "parser-differences.md"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `reason` is our refusal's code when we are stricter, the peer's words when it is."""

    peer: str
    direction: Direction
    stricter: Literal["we", "peer", "neither"]
    reason: str


def differences_in_request(raw: bytes, *, closed: bool) -> list[Difference]:
    """Read the first request in `raw` three times and return where a peer's reading differs."""
    ours = read_request(raw, closed=closed)
    opinions = {"h11": peers.h11_request(raw, closed=closed), "httptools": peers.httptools_request(raw)}
    return list(_compare("requests", ours, opinions))


def differences_in_answer(raw: bytes, *, closed: bool) -> list[Difference]:
    """Read the first answer in `raw`, to a GET, three times and return where a peer's reading differs."""
    ours = read_answer(raw, closed=closed)
    opinions = {"h11": peers.h11_answer(raw, closed=closed), "httptools": peers.httptools_answer(raw)}
    return list(_compare("answers", ours, opinions))


def _compare(
    direction: Direction, ours: Request | Answer | Refused | Incomplete, opinions: dict[str, Opinion]
) -> Iterator[Difference]:
    for peer, theirs in opinions.items():
        # Who waits for more bytes has said nothing yet.
        if isinstance(ours, Incomplete) or isinstance(theirs, Incomplete):
            continue
        if isinstance(ours, Refused):
            if isinstance(theirs, Message):
                yield Difference(peer, direction, "we", ours.code)
        elif isinstance(theirs, Declined):
            yield Difference(peer, direction, "peer", theirs.reason)
        else:
            message = peers.of_request(ours) if isinstance(ours, Request) else peers.of_answer(ours)
            if message != theirs:
                yield Difference(peer, direction, "neither", f"{message} is not {theirs}")


class Explanations:
    """The tables of docs/parser-differences.md."""

    def __init__(self, page: str) -> None:
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:3] == "| `"
        ]
        self.ours: Final = {row[0].strip("`"): row[1:3] for row in rows if len(row) == 4}
        self.theirs: Final = [row for row in rows if len(row) == 5]

    def explain(self, difference: Difference) -> bool:
        """Tell whether a table has a row for this difference."""
        if difference.stricter == "we":
            h11, httptools = self.ours.get(difference.reason, ["", ""])
            return difference.direction in (h11 if difference.peer == "h11" else httptools)
        return difference.stricter == "peer" and any(
            peer == difference.peer and difference.direction in directions and _says(difference.reason, words)
            for words, peer, directions, _, _ in self.theirs
        )


def _says(reason: str, words: str) -> bool:
    return re.search(re.escape(words.strip("`")), reason) is not None


def explanations() -> Explanations:
    """Read the page."""
    return Explanations(PAGE.read_text(encoding="utf-8"))
