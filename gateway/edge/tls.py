"""The certificate of the public port, which a reload replaces while the port stays open.

Each handshake asks which certificate is the present one (the callback meant for server names is called for every
handshake, named or not), so nobody ever meets half a change, and open connections keep what they began with.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

from gateway.registry.certificates import server_context


class PublicTls:
    """The context to listen with is `listener`; what it serves is what the last `succeed` brought."""

    def __init__(self, certificate: str, key: str) -> None:
        """Raise OSError when the files cannot be used."""
        self.certificate = certificate  # the file the present one is from
        self.key = key
        self.on_succession: Callable[[], None] | None = None  # for a server that reads the files by itself
        self._present = server_context(certificate, key)
        self.listener = server_context(certificate, key)
        self.listener.sni_callback = self._choose

    def succeed(self, next_one: PublicTls) -> None:
        """Serve what was loaded into another one, from the next handshake on; nothing can fail any more."""
        self._present = next_one._present
        self.certificate, self.key = next_one.certificate, next_one.key
        if self.on_succession is not None:
            self.on_succession()

    def _choose(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._present
