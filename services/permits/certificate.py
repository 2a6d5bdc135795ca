"""The permit as a document: one page with number, holder, answers, validity, and a QR code to its verification.

Pure drawing: everything printed is an argument.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import segno
from fpdf import FPDF, XPos, YPos

from services.kit.clock import indonesian_date, wib_date

_MARGIN_MM = 22
_LABEL_MM = 55
_QR_MM = 34


@dataclass(frozen=True, slots=True)
class Certificate:
    """What stands on a permit. `rows` are label and value."""

    title: str
    number: str
    holder: str
    rows: Sequence[tuple[str, str]]
    legal_basis: Sequence[str]
    issued_at: datetime
    valid_until: datetime | None
    verify_url: str
    notice: str | None


def draw(certificate: Certificate) -> bytes:
    """Return the permit as an unsigned PDF."""
    pdf = FPDF(format="A4")
    pdf.set_margin(_MARGIN_MM)
    pdf.set_auto_page_break(auto=True, margin=_MARGIN_MM)
    pdf.set_title(printable(f"{certificate.title} {certificate.number}"))
    pdf.set_author("DPMPTSP Kota Tangerang")
    pdf.set_lang("id-ID")
    pdf.set_creation_date(certificate.issued_at)
    pdf.add_page()
    _heading(pdf, certificate)
    _body(pdf, certificate)
    _closing(pdf, certificate)
    return bytes(pdf.output())


def printable(text: str) -> str:
    """Return the text in the characters the built-in fonts have; accents they lack are dropped, never the letter."""
    composed = unicodedata.normalize("NFKC", text)
    return "".join(_in_latin1(character) for character in composed)


def _in_latin1(character: str) -> str:
    try:
        character.encode("latin-1")
    except UnicodeEncodeError:
        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
        return plain or "?"
    return character


def _line(pdf: FPDF, text: str, *, size: float = 10, style: str = "", align: str = "L") -> None:
    pdf.set_font("Helvetica", style=style, size=size)
    pdf.multi_cell(0, size * 0.5, printable(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _heading(pdf: FPDF, certificate: Certificate) -> None:
    _line(pdf, "PEMERINTAH KOTA TANGERANG", size=14, style="B", align="C")
    _line(pdf, "Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu", size=11, align="C")
    pdf.ln(3)
    pdf.line(_MARGIN_MM, pdf.get_y(), pdf.w - _MARGIN_MM, pdf.get_y())
    pdf.ln(8)
    _line(pdf, certificate.title.upper(), size=14, style="B", align="C")
    _line(pdf, f"Nomor: {certificate.number}", size=11, align="C")
    pdf.ln(8)


def _body(pdf: FPDF, certificate: Certificate) -> None:
    until = certificate.valid_until
    rows = [
        ("Diberikan kepada", certificate.holder),
        *certificate.rows,
        ("Tanggal terbit", indonesian_date(wib_date(certificate.issued_at))),
        ("Berlaku sampai", indonesian_date(wib_date(until)) if until else "selama peruntukannya tidak berubah"),
    ]
    pdf.set_font("Helvetica", size=10)
    for label, value in rows:
        pdf.cell(_LABEL_MM, 6, printable(label))
        pdf.multi_cell(0, 6, printable(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(5)
    _line(pdf, "Dasar hukum:", style="B")
    for law in certificate.legal_basis:
        _line(pdf, f"- {law}", size=9)


def _closing(pdf: FPDF, certificate: Certificate) -> None:
    pdf.ln(8)
    code = BytesIO()
    segno.make(certificate.verify_url, error="m").save(code, kind="png", scale=8, border=2)
    code.seek(0)
    top = pdf.get_y()
    pdf.image(code, x=_MARGIN_MM, y=top, w=_QR_MM, alt_text="Kode QR ke halaman pemeriksaan keaslian")
    pdf.set_xy(_MARGIN_MM + _QR_MM + 6, top + 4)
    pdf.set_font("Helvetica", size=9)
    told = f"Periksa keaslian izin ini di:\n{certificate.verify_url}\n\nDokumen ini ditandatangani secara elektronik."
    pdf.multi_cell(0, 5, printable(told), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_y(top + _QR_MM + 4)
    if certificate.notice:
        _line(pdf, certificate.notice, size=9, style="B")
