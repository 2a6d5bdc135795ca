"""Issuing a permit: its number is reserved, the document drawn, signed and stored, and only then it is issued.

Cut short anywhere, the case still awaits its signature, and the next attempt takes the same number again.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO
from typing import Any

from sqlalchemy.orm import Session

from services.kit.clock import WIB, wib_date
from services.kit.uploads import PDF, FileStore, StoredFile
from services.permits.catalogue import Kind
from services.permits.certificate import Certificate, draw
from services.permits.signing import Signer
from services.permits.store import Opened, next_number


@dataclass(frozen=True, slots=True)
class Reserved:
    """A permit that has its number and its dates, and is to be signed."""

    opened: Opened
    number: str
    issued_at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Press:
    """Makes permits: the signer, where they are kept, and the public address that verifies them."""

    signer: Signer
    files: FileStore
    public_url: str

    def verify_url(self, number: str) -> str:
        """Return the address printed on the permit."""
        return f"{self.public_url.rstrip('/')}/v1/permits/verify/{number}"

    def print(self, reserved: Reserved, kind: Kind) -> Mapping[str, Any]:  # Any: JSON
        """Draw, sign and store the permit; return the detail of its `issued` event. Blocks."""
        signed = self.signer.sign(draw(self._certificate(reserved, kind)))
        stored = self.files.add(BytesIO(signed), {PDF}, len(signed))
        until = reserved.valid_until
        return {
            "number": reserved.number,
            "sha256": stored.sha256,
            "size_bytes": stored.size_bytes,
            "issued_at": reserved.issued_at.isoformat(),
            "valid_until": until.isoformat() if until else None,
        }

    def stored(self, opened: Opened) -> StoredFile | None:
        """Return the signed document of an issued permit."""
        permit = opened.case.permit
        return StoredFile(permit.sha256, PDF, permit.size_bytes) if permit else None

    def _certificate(self, reserved: Reserved, kind: Kind) -> Certificate:
        notice = self.signer.notice
        details = reserved.opened.case.details
        return Certificate(
            title=kind.name.id,
            number=reserved.number,
            holder=reserved.opened.row.applicant_name,
            rows=[(field.name.id, str(details[field.code])) for field in kind.fields],
            legal_basis=[law.title if law.verified else f"{law.title} (contoh)" for law in kind.legal_basis],
            issued_at=reserved.issued_at,
            valid_until=reserved.valid_until,
            verify_url=self.verify_url(reserved.number),
            notice=notice.id if notice else None,
        )


def reserve(session: Session, opened: Opened, kind: Kind, now: datetime) -> Reserved:
    """Give the application the number its permit will have, once."""
    if opened.row.number is None:
        opened.row.number = next_number(session, kind.code, wib_date(now).year)
    months = kind.validity.months
    return Reserved(opened, opened.row.number, now, last_moment(now, months) if months else None)


def last_moment(start: datetime, months: int) -> datetime:
    """Return the end of the day so many calendar months later, in WIB; shorter months end on their last day."""
    day = wib_date(start)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return datetime.combine(last, time(23, 59, 59), tzinfo=WIB)
