"""Lets many threads work at once, and one alone when it must: for a transaction that lost to others again and again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Whoever asks to be alone goes before all who come after it; whoever is inside is waited for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = 0  # waiting to be alone, or being so

    @contextmanager
    def together(self) -> Iterator[None]:
        """Be inside with others, once nobody is alone or waits to be."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside with nobody else."""
        with self._changed:
            self._alone += 1
            self._changed.wait_for(lambda: not self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._alone -= 1
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
