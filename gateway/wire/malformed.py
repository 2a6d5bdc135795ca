"""The one exception of this folder, and the shape of the reason it carries; nothing here renders or logs."""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """Why bytes are refused. `code` is stable; `detail` never quotes the sender, so it may be logged anywhere."""

    status: int
    code: str
    section: str  # the sentence of the standard that is broken, e.g. "RFC 9112 section 5.1"
    detail: str

    def because(self, detail: str) -> Refusal:
        """Return the same refusal with a closer reason."""
        return self._replace(detail=detail)


class Malformed(Exception):
    """The bytes cannot be read in one single way; whoever sent them gets an answer and the connection ends.

    `status` is what a client is answered. Whoever reads an agency's bytes answers 502 instead, whatever it says here.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.detail} ({refusal.section})")
        self.refusal = refusal
        self.status = refusal.status
        self.code = refusal.code
        self.section = refusal.section
        self.detail = refusal.detail
