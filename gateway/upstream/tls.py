"""TLS towards agencies: contexts made from policies, and the check of pinned keys. It opens no connection."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import Unreachable
from gateway.registry.certificates import client_context
from gateway.rules.delivery import TlsPolicy

NO_POLICY: Final = TlsPolicy()


class TlsContexts:
    """Makes each policy's context once, when it is first needed: reading the authorities takes 20 ms."""

    def __init__(self) -> None:
        self._made: dict[TlsPolicy, ssl.SSLContext] = {}

    def context(self, policy: TlsPolicy | None) -> ssl.SSLContext:
        """Return the context for a policy. Raises Unreachable when its files cannot be read."""
        policy = policy if policy is not None else NO_POLICY
        context = self._made.get(policy)
        if context is None:
            context = self._made[policy] = _make_context(policy)
        return context

    def forget(self) -> None:
        """Read all files anew when next needed: a certificate may have been renewed under the same name."""
        self._made.clear()


def check_pin(policy: TlsPolicy | None, certificate: bytes | None) -> None:
    """Raise Unreachable unless the key of the peer's certificate (DER) is pinned, where any is."""
    if policy is None or not policy.pins:
        return
    if certificate is None or pin_of(certificate) not in policy.pins:
        raise Unreachable("the agency's key is none of those pinned")


def was_ended(transport: asyncio.BaseTransport) -> bool:
    """Tell whether the stream was ended by its sender: over TLS by close_notify (RFC 8446 section 6.1).

    asyncio tells a protocol of both in the same way. Whoever can reset the connection underneath could otherwise pass a
    part of an answer off as a whole one.
    """
    session: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if session is None:
        return True
    try:
        return session.read(1) == b""
    except ssl.SSLError:
        return False


def pin_of(certificate: bytes) -> str:
    """Return the pin of a certificate (DER): base64 of SHA-256 of its public key's SubjectPublicKeyInfo (RFC 7469)."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return base64.b64encode(digest).decode()


def _make_context(policy: TlsPolicy) -> ssl.SSLContext:
    try:
        return client_context(policy)
    except OSError as error:  # an SSLError is one
        raise Unreachable(f"the TLS files of the registry cannot be used: {error}") from error
