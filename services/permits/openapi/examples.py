"""One invented application, told by its events, from which every example of the OpenAPI document is computed.

So the examples cannot fall behind what the service really answers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.kit.clock import WIB
from services.kit.workdays import Calendar
from services.permits import views
from services.permits.case import Event, fold
from services.permits.catalogue import Catalogue
from services.permits.machine import EventKind
from services.permits.store import Opened
from services.permits.tables import Application, CaseEvent

Json = dict[str, Any]  # Any: JSON

BEGUN = datetime(2026, 11, 24, 9, 0, tzinfo=WIB)
DETAILS: Json = {"floor_area_m2": 60, "address": "Jl. Melati 5", "kecamatan": "36.71.13"}
BILLING_CODE = "367100000000014"
NUMBER = "PBG-PROTOTIPE-2026-000001-7KQ2M9XA"

_KIND = "pbg-prototipe"
_SHA256 = "0f" * 32


@dataclass(frozen=True, slots=True)
class Examples:
    """The example application at the stages that answers show."""

    summary: Json
    draft: Json
    issued: Json
    desk: Json
    desk_summary: Json
    notification: Json
    verification: Json


def make_examples(catalogue: Catalogue, calendar: Calendar) -> Examples:
    """Compute the examples by the views themselves."""
    kind = catalogue.kinds[_KIND]
    events = [*_to_submission(), *_to_permit()]
    now = events[-1].at + timedelta(minutes=5)

    def detail(count: int) -> Json:
        return views.application_detail(_opened(events[:count]), kind, catalogue, calendar, now)

    ended = _opened(events)
    summary = views.application_summary(ended, kind)
    told = CaseEvent(id=17, application_id=ended.row.id, kind=EventKind.ISSUED.value, at=events[-1].at)
    office = {"assigned": "me", "responsible": catalogue.office, "possible": ["file_accepted", "correction_asked"]}
    return Examples(
        summary=summary,
        draft={**detail(2), "queue": None},
        issued={**detail(len(events)), "queue": None},
        desk={**detail(len(_to_submission()) + 1), **office},
        desk_summary={**summary, "assigned": None},
        notification=views.notification(told, kind),
        verification=views.verification(ended.row, ended.case, kind, catalogue, now),
    )


def _opened(events: list[Event]) -> Opened:
    row = Application(
        id="IZN-7KQ2M-9XA4B", owner="x", kind=_KIND, applicant_name="Siti Rahmawati", created_at=BEGUN, number=NUMBER
    )
    return Opened(row, fold(events))


def _to_submission() -> list[Event]:
    documents = [
        (EventKind.DOCUMENT_ADDED, {"code": code, "sha256": _SHA256, "media_type": "application/pdf", "size_bytes": 9})
        for code in ("ktp", "tanah", "gambar")
    ]
    return _events([(EventKind.CREATED, {"details": DETAILS}), *documents, (EventKind.SUBMITTED, {})], first=1)


def _to_permit() -> list[Event]:
    issued_at = BEGUN + timedelta(hours=6)
    permit = {
        "number": NUMBER,
        "sha256": _SHA256,
        "size_bytes": 9,
        "issued_at": issued_at.isoformat(),
        "valid_until": None,
    }
    order = {"billing_code": BILLING_CODE, "amount": 1_500_000, "explanation": "60 x Rp25.000"}
    return _events(
        [
            (EventKind.TAKEN, {}),
            (EventKind.CORRECTION_ASKED, {"items": [{"item": "documents.gambar", "note": "Gambar tidak terbaca"}]}),
            (
                EventKind.DOCUMENT_ADDED,
                {"code": "gambar", "sha256": _SHA256, "media_type": "application/pdf", "size_bytes": 9},
            ),
            (EventKind.CORRECTED, {}),
            (EventKind.FILE_ACCEPTED, {}),
            (EventKind.ASSESSED, {}),
            (EventKind.LEVY_SET, order),
            (EventKind.PAID, {"payment_id": "bayar-0001", "amount": 1_500_000}),
            (EventKind.PAYMENT_CONFIRMED, {}),
            (EventKind.ISSUED, permit),
        ],
        first=6,
    )


def _events(told: list[tuple[EventKind, Json]], *, first: int) -> list[Event]:
    return [
        Event(place, kind, BEGUN + timedelta(minutes=20 * place), "x", detail)
        for place, (kind, detail) in enumerate(told, start=first)
    ]
