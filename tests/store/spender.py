"""A gateway process that does nothing but charge: `python -m tests.store.spender URL POLICY REQUESTS CLIENTS`.

Prints how many requests were admitted. POLICY is `limit/seconds/burst/accuracy`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

from gateway.clock import SystemClock
from gateway.registry.snapshot import StorePolicy
from gateway.rules.quota import Accuracy, Charge, QuotaPolicy
from gateway.store.fallback import Limiter
from gateway.store.open import open_store


async def spend(url: str, limit: QuotaPolicy, requests: int, clients: int) -> int:
    """Charge so many requests over so many concurrent clients; return how many were admitted."""
    clock = SystemClock()
    store = open_store(StorePolicy(url, 10.0), clock)
    await store.ping()
    limiter = Limiter(store, clock)

    async def client() -> int:
        charges, admitted = [Charge(b"citizen:shared", limit)], 0
        for _ in range(requests // clients):
            outcome = await limiter.take(charges)
            assert not outcome.is_local
            admitted += outcome.admitted
        return admitted

    total = sum(await asyncio.gather(*(client() for _ in range(clients))))
    await limiter.aclose()
    await store.aclose()
    return total


def main() -> None:
    url, policy, requests, clients = sys.argv[1:]
    limit, seconds, burst, accuracy = policy.split("/")
    named = cast("Accuracy", accuracy)  # the caller writes one of the two
    quota = QuotaPolicy(policy, int(limit), float(seconds), int(burst), accuracy=named)
    print(asyncio.run(spend(url, quota, int(requests), int(clients))))


if __name__ == "__main__":
    main()
