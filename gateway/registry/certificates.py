"""Reads the certificate of the public port, as the compiler checks it and the edge serves it."""

from __future__ import annotations

import ssl


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return a context that serves the certificate chain in one PEM file with the key in the other.

    Raises OSError (which ssl.SSLError is) when a file cannot be read, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    """A key that needs one is refused; OpenSSL would ask for it on the terminal."""
    return ""
