"""The issued document: its signature holds for those who know nothing of how it was made."""

import hashlib
import stat
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import cms  # type: ignore[import-untyped]  # it ships no types
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from services.kit.clock import WIB, utc_now
from services.permits.certificate import Certificate, draw, printable
from services.permits.issuing import last_moment
from services.permits.signing import open_demo_signer
from services.permits.tests.conftest import City
from services.permits.tests.test_desk import ready_to_sign

CERTIFICATE = Certificate(
    title="Izin Penyelenggaraan Reklame",
    number="REKLAME-2026-000001-7KQ2M9XA",
    holder="Siti Rahmawati",
    rows=[("Lokasi", "Jl. Merdeka 1")],
    legal_basis=["Perda"],
    issued_at=datetime(2026, 11, 24, 2, 0, tzinfo=UTC),
    valid_until=None,
    verify_url="https://kota.test/v1/permits/verify/REKLAME-2026-000001-7KQ2M9XA",
    notice=None,
)


def check_by_hand(pdf: bytes, root: x509.Certificate) -> None:
    """Check the signature with nothing but CMS (RFC 5652) and X.509: no code that took part in signing."""
    start = pdf.index(b"/ByteRange [") + len(b"/ByteRange [")
    first, length, second, rest = (int(part) for part in pdf[start : pdf.index(b"]", start)].split())
    assert (first, second + rest) == (0, len(pdf))
    covered = pdf[:length] + pdf[second:]
    container = bytes.fromhex(pdf[length + 1 : second - 1].decode())
    signed = cms.ContentInfo.load(container)["content"]
    info = signed["signer_infos"][0]
    attributes = {attribute["type"].native: attribute["values"][0] for attribute in info["signed_attrs"]}
    if attributes["message_digest"].native != hashlib.sha256(covered).digest():
        raise InvalidSignature
    certificates = [x509.load_der_x509_certificate(one.chosen.dump()) for one in signed["certificates"]]
    signer = next(one for one in certificates if one.subject != root.subject)
    signer.verify_directly_issued_by(root)
    key = signer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    told = info["signed_attrs"].untag().dump()  # RFC 5652 §5.4: signed as a SET OF, stored with a tag of its own
    key.verify(info["signature"].native, told, ec.ECDSA(hashes.SHA256()))


def test_the_signature_holds_by_hand_and_by_a_validator(tmp_path: Path) -> None:
    signer = open_demo_signer(tmp_path / "keys", utc_now())
    signed = signer.sign(draw(CERTIFICATE))
    root = x509.load_pem_x509_certificates(signer.certificates)[0]
    check_by_hand(signed, root)
    trusted = next(iter(load_certs_from_pemder_data(signer.certificates)))
    embedded = PdfFileReader(BytesIO(signed)).embedded_signatures[0]
    status = validate_pdf_signature(embedded, ValidationContext(trust_roots=[trusted]))
    assert status.bottom_line


def test_one_changed_letter_breaks_the_signature(tmp_path: Path) -> None:
    signer = open_demo_signer(tmp_path / "keys", utc_now())
    signed = bytearray(signer.sign(draw(CERTIFICATE)))
    place = signed.index(b"/Author")
    signed[place + 12] ^= 1
    with pytest.raises(InvalidSignature):
        check_by_hand(bytes(signed), x509.load_pem_x509_certificates(signer.certificates)[0])


def test_signing_keys_are_made_once_and_are_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = open_demo_signer(folder, utc_now()).certificates
    assert open_demo_signer(folder, utc_now()).certificates == first
    assert stat.S_IMODE((folder / "signer-key.pem").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys"]


def test_unreadable_signing_keys_end_the_start_with_the_remedy(tmp_path: Path) -> None:
    open_demo_signer(tmp_path / "keys", utc_now())
    (tmp_path / "keys" / "signer-key.pem").write_text("kosong")
    with pytest.raises(ValueError, match="remove the folder"):
        open_demo_signer(tmp_path / "keys", utc_now())


async def test_the_holder_downloads_what_the_public_hash_names(city: City) -> None:
    desk = await ready_to_sign(city)
    application_id = desk.rsplit("/", 1)[1]
    assert (await city.citizen.get(f"/applications/{application_id}/permit")).status_code == 404
    number = (await city.officer().post(f"{desk}/issue")).json()["permit"]["number"]
    download = await city.citizen.get(f"/applications/{application_id}/permit")
    shown = (await city.client.get(f"/verify/{number}")).json()
    assert hashlib.sha256(download.content).hexdigest() == shown["document_sha256"]
    assert download.headers["Content-Type"] == "application/pdf"
    certificates = (await city.client.get("/signing-certificates")).content
    check_by_hand(download.content, x509.load_pem_x509_certificates(certificates)[0])
    assert (await city.neighbour.get(f"/applications/{application_id}/permit")).status_code == 404


async def test_a_reserved_number_is_no_permit_yet(city: City) -> None:
    desk = await ready_to_sign(city)
    folder = city.settings.data_dir / "permits"
    folder.rename(folder.with_name("away"))  # the disk goes away between number and document
    failed = await city.officer().post(f"{desk}/issue")
    assert failed.status_code == 500
    folder.with_name("away").rename(folder)
    assert await city.citizen.state(desk.rsplit("/", 1)[1]) == "PENANDATANGANAN"
    issued = (await city.officer().post(f"{desk}/issue")).json()
    assert issued["permit"]["number"].startswith("REKLAME-2026-000001-")


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [("2026-01-31", 1, "2026-02-28"), ("2028-01-31", 1, "2028-02-29"), ("2026-11-24", 12, "2027-11-24")],
)
def test_validity_counts_calendar_months(start: str, months: int, end: str) -> None:
    instant = datetime.fromisoformat(f"{start}T10:00:00").replace(tzinfo=WIB)
    assert last_moment(instant, months).isoformat() == f"{end}T23:59:59+07:00"


@pytest.mark.parametrize(
    ("name", "printed"),
    [("Siti", "Siti"), ("José Ñ", "José Ñ"), ("Đặng Šimić", "?ang Simic"), ("佐藤", "??"), ("ﬁ", "fi")],
)
def test_every_name_can_be_printed(name: str, printed: str) -> None:
    assert printable(name) == printed
    assert draw(CERTIFICATE).startswith(b"%PDF")
