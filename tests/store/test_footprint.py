"""What callers leave in the store is short, ends by itself, and names nobody."""

from __future__ import annotations

from gateway.clock import SystemClock
from gateway.registry.snapshot import StorePolicy
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.open import open_store
from tests.servers import RedisServer
from tests.store.conftest import PATIENT_SECONDS

LIMITS = (
    QuotaPolicy("permits:citizen", 30, 60.0, 30),
    QuotaPolicy("permits:citizen:2", 500, 86_400.0, 500),
    QuotaPolicy("permits:citizen:3", 7, 60.0, 7, mode="shadow"),
    QuotaPolicy("permits:citizen:4", 60, 60.0, 60, accuracy="leased"),
)


async def test_every_key_ends_and_is_no_longer_than_what_it_costs_was_counted_with(own_server: RedisServer) -> None:
    """Keys of 12 bytes and fields of 7: beyond either, a caller takes the next larger block of memory."""
    store = open_store(StorePolicy(own_server.url, PATIENT_SECONDS), SystemClock())
    for number in range(50):
        charges = [Charge(b"citizen:https://identity.example|siti-%d" % number, policy) for policy in LIMITS]
        await store.take(charges[:3])
        granted = await store.grant(charges[3], [4])
        await store.refund(charges[3], granted.requests, granted.charged_at)
    await store.aclose()
    keys = own_server.ask("KEYS", "*")
    assert isinstance(keys, list)
    assert len(keys) == 50
    for key in keys:
        fields = own_server.ask("HKEYS", key)
        assert isinstance(fields, list)
        assert (len(key), {len(field) for field in fields}) == (12, {7})
        ends = own_server.ask("PTTL", key)
        assert isinstance(ends, int)
        assert 0 < ends <= 86_400_000
        assert b"siti" not in key + b"".join(fields)
