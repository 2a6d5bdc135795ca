"""For the services' tests: transactions that are all open at the same time, and what PostgreSQL says of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

_GUARD_SECONDS = 30.0  # against a hang; nothing is measured by it


@contextmanager
def commits_held_back(transactions: int, *, rounds: int = 1) -> Iterator[list[str]]:
    """Let so many transactions do all their work before the first of them commits; so again for each round.

    Yield a list of the SQLSTATEs of all that fails meanwhile: `40001` for each transaction that is run again.
    """
    together, failures = threading.Barrier(transactions), list[str]()
    held_back = iter(range(transactions * rounds))

    def on_commit(_connection: Connection) -> None:
        if next(held_back, None) is not None:
            together.wait(_GUARD_SECONDS)

    def on_error(context: ExceptionContext) -> None:
        original: Any = context.original_exception  # Any: the driver's, if it is one
        failures.append(getattr(original, "sqlstate", None) or repr(original))

    event.listen(Engine, "commit", on_commit)
    event.listen(Engine, "handle_error", on_error)
    try:
        yield failures
    finally:
        event.remove(Engine, "commit", on_commit)
        event.remove(Engine, "handle_error", on_error)
