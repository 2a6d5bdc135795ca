"""Opens connections to targets: by name or address, with TLS or over a Unix socket. It keeps none of them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from gateway.clock import Clock
from gateway.errors import Unreachable
from gateway.rules.delivery import Target
from gateway.upstream.addresses import Resolver
from gateway.upstream.connection import Connection
from gateway.upstream.tls import TlsContexts, check_pin

_TLS_GOODBYE_SECONDS: Final = 2.0  # how long a closing connection waits for the agency's own close_notify


class Dialler:
    """Opens connections, one at a time for each call. Runs in a task."""

    def __init__(self, clock: Clock, resolver: Resolver) -> None:
        self._clock = clock
        self._resolver = resolver
        self._tls = TlsContexts()

    def forget_files(self) -> None:
        """Read certificates and authorities anew."""
        self._tls.forget()

    async def dial(self, target: Target, make: Callable[[], Connection], seconds: float) -> Connection:
        """Return an open connection. Raises Unreachable."""
        try:
            async with asyncio.timeout(seconds):
                return await self._open(target, make, seconds)
        except TimeoutError as error:
            raise Unreachable(f"no connection within {seconds:g} s") from error
        except (OSError, ValueError) as error:  # TLS refusals are OSErrors, names that cannot be asked for ValueErrors
            raise Unreachable(f"no connection: {error}") from error

    async def _open(self, target: Target, make: Callable[[], Connection], seconds: float) -> Connection:
        loop = asyncio.get_running_loop()
        if target.scheme == "unix":
            _, opened = await loop.create_unix_connection(make, target.host)
            return opened
        until = self._clock.monotonic() + seconds
        addresses = await self._resolver.addresses(target.host, target.port)
        for position, address in enumerate(addresses, 1):
            # Whatever time is left is shared, so that a silent first address leaves some to the others.
            share = (until - self._clock.monotonic()) / (len(addresses) - position + 1)
            try:
                async with asyncio.timeout(share):
                    return await self._open_at(address, target, make)
            except OSError as error:  # TimeoutError is one
                failure = error
        self._resolver.forget(target.host, target.port)
        raise failure

    async def _open_at(self, address: str, target: Target, make: Callable[[], Connection]) -> Connection:
        loop = asyncio.get_running_loop()
        if target.scheme == "http":
            _, opened = await loop.create_connection(make, address, target.port)
            return opened
        policy = target.tls
        transport, opened = await loop.create_connection(
            make,
            address,
            target.port,
            ssl=self._tls.context(policy),
            server_hostname=(policy and policy.server_name) or target.host,
            ssl_shutdown_timeout=_TLS_GOODBYE_SECONDS,
        )
        try:
            check_pin(policy, _certificate(transport))
        except Unreachable:
            transport.abort()
            raise
        return opened


def _certificate(transport: asyncio.Transport) -> bytes | None:
    session: ssl.SSLObject = transport.get_extra_info("ssl_object")
    return session.getpeercert(binary_form=True)
