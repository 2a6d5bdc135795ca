"""Reads certificates, ours and those we trust, as the compiler checks them and both ends of the gateway use them."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from gateway.rules.delivery import TlsPolicy

_EXPIRY_NOTICE: Final = timedelta(days=14)  # enough for the authority of a ministry to sign a new one
_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return a context that serves the certificate chain in one PEM file with the key in the other.

    Raises OSError (which ssl.SSLError is) when a file cannot be read, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def client_context(policy: TlsPolicy) -> ssl.SSLContext:
    """Return a context for connections to an agency.

    Raises OSError (which ssl.SSLError is) when a file cannot be read, or certificate and key do not belong together.
    """
    context = ssl.create_default_context(cafile=policy.ca_path)
    context.minimum_version = _VERSIONS[policy.minimum_version]
    context.set_alpn_protocols(["http/1.1"])
    if policy.certificate_path is not None:
        context.load_cert_chain(policy.certificate_path, policy.key_path, password=_no_password)
    return context


def certificates_in(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, in its order. Raises OSError, and ValueError when it holds none."""
    return x509.load_pem_x509_certificates(path.read_bytes())


def expiry_notice(certificates: list[x509.Certificate], now: datetime) -> str | None:
    """Tell that one of them has expired or soon will; None when all are good for a while yet.

    A notice and no error: a registry that was right yesterday must load today.
    """
    first = min(certificates, key=lambda one: one.not_valid_after_utc)
    until = first.not_valid_after_utc
    if until - now > _EXPIRY_NOTICE:
        return None
    word = "expired" if until <= now else "expires"
    return f"the certificate of {first.subject.rfc4514_string() or 'nobody'} {word} on {until:%Y-%m-%d %H:%M} UTC"


def reason_of(error: OSError) -> str:
    """Say why a certificate and its key cannot be used together; OpenSSL's words name a line of its source."""
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is another certificate's"
    return "no key can be read, or only with a password"


def _no_password() -> str:
    """A key that needs one is refused; OpenSSL would ask for it on the terminal."""
    return ""
