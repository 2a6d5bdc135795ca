"""Writes the command that charges limits: for the same limits all of it but the keys is the same, and written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.dial import Argument, pack

_MAX_FORMS: Final = 4096  # an edition has as many as it has routes with limits; those of former editions go some time
_ROOM: Final = b"k" * 12  # as long as every key is


class _Form(NamedTuple):
    """A command with a gap for its keys. It holds its policies, so that no others can have their identities."""

    policies: tuple[QuotaPolicy, ...]
    before: bytes
    after: bytes


class TakeCommand:
    """The command for any charges; `sha` names the script, `arguments` says what it is told of a limit."""

    __slots__ = ("_arguments", "_forms", "_sha")

    def __init__(self, sha: bytes, arguments: Callable[[QuotaPolicy], Sequence[Argument]]) -> None:
        self._sha = sha
        self._arguments = arguments
        # By the identities of the policies: to hash all their fields takes longer than to write the command anew.
        self._forms: dict[tuple[int, ...], _Form] = {}

    def write(self, charges: Sequence[Charge], keys: Sequence[bytes]) -> bytes:
        """Return the command as the protocol writes it; each key has twelve bytes."""
        identities = tuple([id(charge.policy) for charge in charges])
        form = self._forms.get(identities)
        if form is None:
            form = self._form(tuple([charge.policy for charge in charges]))
            if len(self._forms) >= _MAX_FORMS:
                self._forms.clear()
            self._forms[identities] = form
        return form.before + b"\r\n$12\r\n".join(keys) + form.after

    def _form(self, policies: tuple[QuotaPolicy, ...]) -> _Form:
        arguments: list[Argument] = []
        for policy in policies:
            arguments += self._arguments(policy)
        keys = [_ROOM] * len(policies)
        packed = pack("EVALSHA", self._sha, len(keys), *keys, *arguments)
        before, room, after = packed.partition(b"\r\n$12\r\n".join(keys))
        assert room, "the keys follow each other"
        return _Form(policies, before, after)
