"""Tells those who remember something that it may no longer hold."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakMethod


class Signal:
    """Calls the subscribed bound methods, each once a sending, in the order they came.

    They are held weakly: live state outlives the registries whose verifiers subscribe to it, and must not keep them.
    """

    __slots__ = ("_methods",)

    def __init__(self) -> None:
        self._methods: dict[WeakMethod[Callable[[], None]], None] = {}

    def subscribe(self, method: Callable[[], None]) -> None:
        """Have `method`, bound to an object that someone else keeps, called from now on; twice is once."""
        self._methods[WeakMethod(method)] = None

    def send(self) -> None:
        for reference in list(self._methods):
            method = reference()
            if method is None:
                del self._methods[reference]
            else:
                method()
