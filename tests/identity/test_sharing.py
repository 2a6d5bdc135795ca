"""A revocation reaches a worker that cannot reach the issuer, by the bus, and makes no endless echo there."""

from __future__ import annotations

import json

from gateway.clock import ManualClock
from gateway.identity.revocation import Revocation, Revocations
from gateway.identity.sharing import TOPIC, SharedRevocations
from gateway.rules.access import Identity
from gateway.store.bus import MemoryBus

ISSUER = "https://identity.test"


class Workers:
    """Two workers on one bus, and everything that was said on it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.bus = MemoryBus(self.clock)
        self.said: list[bytes] = []
        self.bus.subscribe(TOPIC, self.said.append)
        self.cut_off = Revocations(self.clock)
        SharedRevocations(self.cut_off, self.bus)
        self.near = SharedRevocations(Revocations(self.clock), self.bus)

    def session(self, sid: str) -> Revocation:
        return Revocation(ISSUER, "session", sid, self.clock.wall() + 900)

    def subject(self, sub: str) -> Revocation:
        now = self.clock.wall()
        return Revocation(ISSUER, "subject", sub, now + 900, not_before=now)


def identity(clock: ManualClock, **changes: str) -> Identity:
    now = clock.wall()
    return Identity(
        issuer=ISSUER, subject=changes.get("sub", "siti"), session=changes.get("sid"), issued_at=now - 60,
        expires_at=now + 900, claims={},
    )  # fmt: skip


def test_what_one_worker_hears_all_know() -> None:
    workers = Workers()
    workers.near.tell([workers.session("s1"), workers.subject("budi")])
    assert workers.cut_off.is_revoked(identity(workers.clock, sid="s1"))
    assert workers.cut_off.is_revoked(identity(workers.clock, sub="budi"))
    assert not workers.cut_off.is_revoked(identity(workers.clock, sid="s2"))


def test_who_hears_passes_nothing_on() -> None:
    workers = Workers()
    workers.near.tell([workers.session("s1")])
    assert len(workers.said) == 1


def test_an_entry_that_cannot_be_read_hides_no_other() -> None:
    workers = Workers()
    end = int(workers.clock.wall()) + 900
    entries = [{"issuer": ISSUER, name: "s1", "expires_at": end} for name in ("device", "sid")]
    workers.bus.publish(TOPIC, json.dumps(entries).encode())
    assert workers.cut_off.is_revoked(identity(workers.clock, sid="s1"))
