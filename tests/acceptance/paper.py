"""Reads an issued permit as whoever is shown it would: its signature, its number, and the code to be scanned."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import segno
from cryptography import x509
from PIL import Image
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from services.permits.tests.test_permit import check_by_hand

_LONG, _GROUP_4, _QUIET_MODULES = 4, 4, 2


def check_permit(pdf: bytes, authority: bytes, *, number: str, address: str) -> None:
    """Fail unless the permit is signed by the authority, unchanged since, and leads to its public verification."""
    check_by_hand(pdf, x509.load_pem_x509_certificates(authority)[0])  # by none of the code that signed it
    reader = PdfFileReader(BytesIO(pdf))
    [signature] = reader.embedded_signatures
    root = next(iter(load_certs_from_pemder_data(authority)))
    assert validate_pdf_signature(signature, ValidationContext(trust_roots=[root])).bottom_line
    page = reader.root["/Pages"]["/Kids"][0]
    assert f"(Nomor: {number})".encode() in page["/Contents"].data
    images = page["/Resources"]["/XObject"]
    [name] = images
    assert _modules(_picture(images[name]), address) == segno.make(address, error="m").matrix


def _picture(stream: Any) -> Image.Image:
    """Decode a fax-coded image of a PDF by putting it into a TIFF file (TIFF 6.0, sections 2 and 11)."""
    content: bytes = stream.encoded_data
    width, height = int(stream["/Width"]), int(stream["/Height"])
    fields = {256: width, 257: height, 258: 1, 259: _GROUP_4, 262: 1, 277: 1, 278: height, 279: len(content)}
    fields |= {273: 8 + 2 + 12 * (len(fields) + 1) + 4}  # where the content begins: behind header and directory
    entries = b"".join(struct.pack("<HHLL", tag, _LONG, 1, value) for tag, value in sorted(fields.items()))
    directory = struct.pack("<H", len(fields)) + entries + struct.pack("<L", 0)
    return Image.open(BytesIO(b"II*\0" + struct.pack("<L", 8) + directory + content)).convert("1")


def _modules(picture: Image.Image, address: str) -> tuple[bytearray, ...]:
    """Look at the middle of every module of the code: 1 is dark."""
    count = len(segno.make(address, error="m").matrix)
    size = picture.width // (count + 2 * _QUIET_MODULES)
    places = [size * (_QUIET_MODULES + index) + size // 2 for index in range(count)]
    return tuple(bytearray(picture.getpixel((x, y)) == 0 for x in places) for y in places)
