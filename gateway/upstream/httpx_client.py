"""The upstream client over httpx: JWKS, probes, the ASGI lane, and whatever the direct client does not speak.

It works on httpx's transports, below redirects, cookies, content decoding, proxies of the environment and default
fields, so none of these exist here: bytes go out and come in as they are.

Everything runs in a task of its own (anyio, inside httpx, needs one) that is awaited whole; so the caller may be a task
or a coroutine stepped by hand. Interrupting the caller cancels the exchange and closes its connection.

What it cannot do: httpcore reads the answer only after the request's body has gone out, or failed to. An early answer
(a 413 in the middle of an upload) is delivered when the agency closes its side, else once the upload ends. The client
`direct` has no such limit.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Iterable
from typing import Any, Final

import httpx

from gateway.rules.delivery import Target, Timeouts, UpstreamPolicy
from gateway.upstream.httpx_exchange import Pool, exchange
from gateway.upstream.ports import UpstreamRequest, UpstreamResponse
from gateway.upstream.tls import TlsContexts

# Agencies on uvicorn or Node close idle connections after 5 s; leave first, so that few requests meet a closing one.
_IDLE_SECONDS: Final = 4.0
_DEFAULT_CONNECTIONS: Final = 100
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class HttpxClient:
    """Keeps one pool for each target, and one more for its emergency traffic. Implements `UpstreamClient`."""

    def __init__(self) -> None:
        self._tls = TlsContexts()
        self._policies: dict[Target, UpstreamPolicy] = {}
        self._pools: dict[tuple[Target, bool], Pool] = {}
        self._leftovers: set[asyncio.Task[object]] = set()

    def apply(self, policies: Iterable[UpstreamPolicy]) -> None:
        """Take over a new registry's pool sizes. Pools of changed or removed targets end with their last answer."""
        self._tls.forget()
        new = {target: policy for policy in policies for target in policy.targets}
        for (target, emergency), pool in list(self._pools.items()):
            if target not in new or _size(new[target], emergency) != pool.size:
                del self._pools[target, emergency]
                self._spawn(pool.retire())
        self._policies = new

    async def send(
        self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
    ) -> UpstreamResponse:
        """See `UpstreamClient.send`."""
        pool = self._pool(target, emergency)
        running = asyncio.create_task(exchange(pool, target, request, timeouts))
        try:
            return await running
        except BaseException:
            # Interrupted just as the answer arrived: nobody else will ever close it.
            if running.done() and not running.cancelled() and running.exception() is None:
                body = running.result().body
                if body is not None:
                    self._spawn(body.aclose())
            raise

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            self._spawn(pool.close())
        if self._leftovers:
            await asyncio.create_task(_settle(set(self._leftovers)))

    def _pool(self, target: Target, emergency: bool) -> Pool:
        pool = self._pools.get((target, emergency))
        if pool is None:
            size = _size(self._policies.get(target), emergency)
            pool = self._pools[target, emergency] = Pool(self._transport(target, size), size)
        return pool

    def _transport(self, target: Target, size: int) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(
            # For other schemes an empty one will do: it spares httpx from reading the authorities.
            verify=self._tls.context(target.tls) if target.scheme == "https" else _NO_TLS,
            trust_env=False,
            limits=httpx.Limits(max_connections=size, max_keepalive_connections=size, keepalive_expiry=_IDLE_SECONDS),
            uds=target.host if target.scheme == "unix" else None,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run clean-up that nobody waits for; held here, since the loop itself holds tasks only weakly."""
        task = asyncio.create_task(work)
        self._leftovers.add(task)
        task.add_done_callback(self._leftovers.discard)


async def _settle(tasks: set[asyncio.Task[object]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _size(policy: UpstreamPolicy | None, emergency: bool) -> int:
    if policy is None:
        return _DEFAULT_CONNECTIONS
    return policy.emergency_connections if emergency else policy.max_connections
