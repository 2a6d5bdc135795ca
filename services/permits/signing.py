"""Digital signatures on permits (PAdES). The port is `Signer`; here is the demo's own certificate authority.

The demo's keys are made on first start in a folder of their own and prove nothing to anybody: every permit they
sign says so. A city in earnest gives an adapter to its certified provider instead (BSrE).
"""

import os
import tempfile
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

from services.kit.problem import Text

_CA_LIFE = timedelta(days=3650)
_BACKDATED = timedelta(hours=1)  # the verifier's clock may be behind ours
_FIELD = "DPMPTSP"


class Signer(Protocol):
    """Signs finished permits."""

    @property
    def notice(self) -> Text | None:
        """What the permit must say about the signature's worth, if it is not a certified one."""
        ...

    @property
    def certificates(self) -> bytes:
        """Return what verifies the signatures, as PEM: the root first."""
        ...

    def sign(self, pdf: bytes) -> bytes:
        """Return the same document with a signature over all of it; blocks for some milliseconds."""
        ...


class DemoSigner:
    """Signs with a certificate of the demo's own authority, kept in a folder."""

    def __init__(self, folder: Path) -> None:
        signer = signers.SimpleSigner.load(  # type: ignore[no-untyped-call]  # pyHanko leaves it bare
            str(folder / "signer-key.pem"), str(folder / "signer.pem"), ca_chain_files=(str(folder / "ca.pem"),)
        )
        if signer is None:
            raise ValueError(f"the signing keys in {folder} cannot be read; remove the folder to make new ones")
        self._signer = signer
        self._certificates = (folder / "ca.pem").read_bytes() + (folder / "signer.pem").read_bytes()

    @property
    def notice(self) -> Text | None:
        return Text(
            "CONTOH: ditandatangani dengan sertifikat peragaan, bukan dokumen resmi.",
            "EXAMPLE: signed with a demonstration certificate; not an official document.",
        )

    @property
    def certificates(self) -> bytes:
        return self._certificates

    def sign(self, pdf: bytes) -> bytes:
        metadata = signers.PdfSignatureMetadata(
            field_name=_FIELD,
            md_algorithm="sha256",
            reason="Penerbitan izin",
            location="Kota Tangerang",
            subfilter=fields.SigSeedSubFilter.PADES,
            # Nothing may be added to a permit once it is signed.
            certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        )
        signed = signers.sign_pdf(IncrementalPdfFileWriter(BytesIO(pdf)), metadata, self._signer)
        return bytes(signed.getvalue())


def open_demo_signer(folder: Path, now: datetime) -> DemoSigner:
    """Open the demo's keys in this folder, made now if there are none."""
    if not (folder / "signer-key.pem").exists():
        _make_keys(folder, now)
    return DemoSigner(folder)


def _make_keys(folder: Path, now: datetime) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    authority_key, signer_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name, signer_name = _name("CA Peragaan Kota Tangerang"), _name("DPMPTSP Kota Tangerang (peragaan)")
    authority = (
        _certificate(authority_name, authority_key.public_key(), issuer=authority_name, now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signer = (
        _certificate(signer_name, signer_key.public_key(), issuer=authority_name, now=now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    # The authority's key is not kept: it signs this one certificate and nothing ever after.
    pem = serialization.Encoding.PEM
    contents = {
        "ca.pem": authority.public_bytes(pem),
        "signer.pem": signer.public_bytes(pem),
        "signer-key.pem": signer_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
    _write_folder(folder, contents)


def _write_folder(folder: Path, contents: dict[str, bytes]) -> None:
    """Make the folder with its files at once, readable by us alone; if another process was first, theirs stays."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".keys-") as making:
        made = Path(making) / "keys"
        made.mkdir(mode=0o700)
        for name, content in contents.items():
            descriptor = os.open(made / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        try:
            made.rename(folder)
        except OSError:
            if not (folder / "signer-key.pem").exists():
                raise


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Pemerintah Kota Tangerang (peragaan)"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, *, issuer: x509.Name, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _CA_LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
