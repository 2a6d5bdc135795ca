"""Passes revocations on to every worker of every machine, so that one that cannot reach the issuer learns of them too.

Each worker follows the issuers' lists itself (feed) and needs nobody for it; this is the second way. Who has heard of a
revocation already passes nothing on, so news that arrives everywhere at once makes few messages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from gateway.identity.feed import read_entry
from gateway.identity.revocation import Revocation, Revocations
from gateway.store.ports import Bus

TOPIC: Final = "revoked"


class SharedRevocations:
    """Joins `revocations` to the bus. One that was cut off from both ways catches up by the first that returns."""

    def __init__(self, revocations: Revocations, bus: Bus) -> None:
        self._revocations = revocations
        self._bus = bus
        bus.subscribe(TOPIC, self._hear)

    def tell(self, news: Sequence[Revocation]) -> None:
        """Pass on what is news here."""
        self._bus.publish(TOPIC, json.dumps([_entry(one) for one in news]).encode())

    def _hear(self, payload: bytes) -> None:
        entries = [(entry["issuer"], entry) for entry in json.loads(payload)]
        read = (read_entry(issuer, entry) for issuer, entry in entries)
        self._revocations.add(one for one in read if one is not None)


def _entry(revocation: Revocation) -> dict[str, object]:
    """Return it as an issuer's list has it, and whose list that is."""
    entry: dict[str, object] = {"issuer": revocation.issuer, "expires_at": revocation.expires_at}
    if revocation.kind == "session":
        return entry | {"sid": revocation.name}
    return entry | {"sub": revocation.name, "not_before": revocation.not_before}
