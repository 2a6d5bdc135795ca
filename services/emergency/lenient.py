"""Reading what people in an emergency send: as little as possible is a reason to refuse.

A NUL in a text, a whole number written as 3.0, JSON by another name, an Idempotency-Key used before for something
else: each is read as it was meant.
"""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints
from sqlalchemy.orm import Session
from starlette.requests import Request

from services.kit.idempotency import Answer, Attempt, OnceOnly, attempt_of
from services.kit.inputs import MAX_JSON_BYTES, read_bounded
from services.kit.problem import Problem

_TEXT_LENGTH = 4_000  # the rest of a longer text is cut: an emergency is not refused for its length
# The backslashes before it are pairs, so the one of \u0000 is an escape and no text.
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def _as_integer(value: object) -> object:
    # In JSON 3.0 is the whole number 3 (JSON Schema says so too).
    return int(value) if isinstance(value, float) and value.is_integer() else value


Prose = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(lambda text: text[:_TEXT_LENGTH])]
WholeNumber = Annotated[int, BeforeValidator(_as_integer)]


async def read_leniently(request: Request) -> bytes:
    """Read the body, whatever it is called; a NUL, which no database keeps, becomes a replacement character."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", await read_bounded(request, max_bytes=MAX_JSON_BYTES))


def attempt_if_usable(request: Request, body: bytes, *, caller: str | None) -> Attempt | None:
    """Read the `Idempotency-Key`; one that cannot be used counts as none."""
    try:
        return attempt_of(request, body, caller=caller)
    except Problem:
        return None


def once_or_anew(once: OnceOnly, session: Session, attempt: Attempt | None, act: Callable[[Session], Answer]) -> Answer:
    """Give the earlier answer to the same request; a key that was used for another request counts as none."""
    if attempt is None:
        return act(session)
    try:
        return once.once(session, attempt, act)
    except Problem as problem:
        if problem.code != "idempotency-key-reused":
            raise
        return act(session)
