"""A certificate authority for one test session, and TLS contexts made from what it issues."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, as PEM files, and the certificate's DER form."""

    certificate_path: Path
    key_path: Path
    der: bytes


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
        builder = x509.CertificateBuilder(name, name, self._key.public_key(), 1, _BEGIN, _END)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self.ca_path = folder / "ca.pem"
        self.ca_path.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, *, until: datetime.datetime = _END) -> Issued:
        """Issue a certificate for a host name or an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(
            self._certificate.subject, subject, key.public_key(), x509.random_serial_number(), _BEGIN, until
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        certificate_path = self._folder / f"{name}.pem"
        key_path = self._folder / f"{name}.key"
        certificate_path.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Issued(certificate_path, key_path, certificate.public_bytes(Encoding.DER))

    def server_context(self, issued: Issued, *, asks_for_certificate: bool = False) -> ssl.SSLContext:
        """A server's context; with `asks_for_certificate` clients need one of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(issued.certificate_path, issued.key_path)
        if asks_for_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca_path)
        return context


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
