"""What is answered about kinds and cases, as JSON. Whatever is not verified says so where it is shown."""

from datetime import datetime
from typing import Any

from services.kit.clock import indonesian_date, indonesian_date_time, iso, wib_date
from services.kit.indonesia import mask_name, rupiah
from services.kit.problem import Text
from services.kit.workdays import Calendar
from services.permits.case import Case, PromiseReading, Step, expires_at, read_case_promise
from services.permits.catalogue import Catalogue, Kind, Sourced
from services.permits.form import item_name, missing_items
from services.permits.machine import AWAITING_APPLICANT, AWAITING_OFFICE, EventKind, State
from services.permits.store import Opened
from services.permits.tables import Application, CaseEvent
from services.permits.texts import EVENT_TEXTS, NEXT_TEXTS, OFFICE_ACTS, STATE_TEXTS, bilingual

Json = dict[str, Any]  # Any: JSON

_EXAMPLE = Text("Data contoh, belum diperiksa.", "Example data, not verified.")
_EXAMPLE_CALENDAR = Text(
    "Dihitung dengan kalender contoh; hari libur belum diperiksa.",
    "Counted by an example calendar; its holidays are not verified.",
)


def _sourced(fact: Sourced, catalogue: Catalogue) -> Json:
    said: Json = {"source": catalogue.sources[fact.source], "verified": fact.verified}
    return said if fact.verified else {**said, "note": bilingual(_EXAMPLE)}


def type_summary(kind: Kind, catalogue: Catalogue) -> Json:
    """Say what a kind of permit is, takes and costs."""
    return {
        "code": kind.code,
        "name": bilingual(kind.name.text()),
        "agency": catalogue.office,
        "technical_agency": kind.technical_agency,
        "promise": {
            "working_days": kind.promise.working_days,
            "working_hours": kind.promise.working_hours,
            "text": bilingual(kind.promise.phrase()),
            "starts": kind.promise.starts,
            **_sourced(kind.promise, catalogue),
        },
        "fee": _fee(kind, catalogue),
    }


def _fee(kind: Kind, catalogue: Catalogue) -> Json:
    levy = kind.fee.levy
    if levy is None:
        text, rate = Text("Gratis", "Free of charge"), None
    else:
        text = Text("Retribusi, ditetapkan petugas", "Retribution, set by an officer")
        rate = {"field": levy.field, "rupiah_per_unit": levy.rupiah_per_unit}
    return {"gratis": kind.fee.gratis, "text": bilingual(text), "rate": rate, **_sourced(kind.fee, catalogue)}


def type_detail(kind: Kind, catalogue: Catalogue) -> Json:
    """Say everything about a kind of permit."""
    return {
        **type_summary(kind, catalogue),
        "legal_basis": [{"title": law.title, **_sourced(law, catalogue)} for law in kind.legal_basis],
        "validity": {"months": kind.validity.months, **_sourced(kind.validity, catalogue)},
        "fields": [
            {
                "code": field.code,
                "type": field.type,
                "name": bilingual(field.name.text()),
                **({"minimum": field.minimum, "maximum": field.maximum} if field.type == "integer" else {}),
                **({"choices": list(field.choices)} if field.type == "choice" else {}),
            }
            for field in kind.fields
        ],
        "documents": [
            {
                "code": document.code,
                "name": bilingual(catalogue.document_names[document.code].text()),
                "required": document.required,
                **_sourced(document, catalogue),
            }
            for document in kind.documents
        ],
    }


def application_summary(opened: Opened, kind: Kind) -> Json:
    """Say where an application stands: for lists."""
    row, case = opened.row, opened.case
    return {
        "id": row.id,
        "type": {"code": kind.code, "name": bilingual(kind.name.text())},
        "applicant_name": row.applicant_name,
        "state": case.state.value,
        "state_text": bilingual(STATE_TEXTS[case.state]),
        "awaits": _awaits(case),
        "created_at": iso(row.created_at),
        "submitted_at": _iso(case.submitted_at),
        "updated_at": iso(case.updated_at),
        "permit_number": case.permit.number if case.permit else None,
    }


def _awaits(case: Case) -> str | None:
    if case.state in AWAITING_APPLICANT:
        return "applicant"
    return "office" if case.state in AWAITING_OFFICE else None


def application_detail(opened: Opened, kind: Kind, catalogue: Catalogue, calendar: Calendar, now: datetime) -> Json:
    """Say everything about an application; the queue is added by whoever can count it."""
    case = opened.case
    return {
        **application_summary(opened, kind),
        "next": bilingual(NEXT_TEXTS.get(case.state, OFFICE_ACTS)),
        "details": dict(case.details),
        "documents": _documents(case, kind, catalogue),
        "missing": _missing(case, kind, catalogue),
        "corrections": [
            {
                "item": one.item,
                "name": bilingual(item_name(one.item, kind, catalogue)),
                "note": one.note,
                "answered": one.is_answered,
            }
            for one in case.corrections
        ],
        "promise": promise(read_case_promise(case, kind.promise, calendar, now), kind, catalogue, calendar),
        "expires_at": _iso(expires_at(case, catalogue.deadlines)),
        "payment": _payment(case, catalogue),
        "refusal": _refusal(case, catalogue, calendar),
        "permit": _permit(case),
        "history": [_step(passed) for passed in case.history],
    }


def _documents(case: Case, kind: Kind, catalogue: Catalogue) -> list[Json]:
    shown = []
    for wanted in kind.documents:
        given = case.documents.get(wanted.code)
        uploaded = given and {
            "sha256": given.sha256,
            "media_type": given.media_type,
            "size_bytes": given.size_bytes,
            "uploaded_at": iso(given.at),
        }
        name = bilingual(catalogue.document_names[wanted.code].text())
        shown.append({"code": wanted.code, "name": name, "required": wanted.required, "uploaded": uploaded})
    return shown


def _missing(case: Case, kind: Kind, catalogue: Catalogue) -> list[Json]:
    return [{"item": item, "name": bilingual(item_name(item, kind, catalogue))} for item in missing_items(kind, case)]


def promise(read: PromiseReading, kind: Kind, catalogue: Catalogue, calendar: Calendar) -> Json:
    """Say what was promised, until when, and whether the clock stands still."""
    due = read.reading.due if read.ended_at is None else None
    return {
        "promised": bilingual(kind.promise.phrase()),
        "starts": kind.promise.starts,
        "started_at": _iso(read.started_at),
        "runs": read.reading.runs and read.ended_at is None,
        "due": _iso(due),
        "due_text": indonesian_date_time(due) if due else None,
        "late": read.is_late,
        "kept": read.was_kept,
        **_sourced(kind.promise, catalogue),
        **({} if calendar.verified else {"calendar_note": bilingual(_EXAMPLE_CALENDAR)}),
    }


def _payment(case: Case, catalogue: Catalogue) -> Json | None:
    order = case.order
    if order is None:
        return None
    pay_before = expires_at(case, catalogue.deadlines) if case.state is State.MENUNGGU_BAYAR else None
    return {
        "billing_code": order.billing_code,
        "amount": order.amount,
        "amount_text": rupiah(order.amount),
        "explanation": order.explanation,
        "ordered_at": iso(order.at),
        "pay_before": _iso(pay_before),
        "paid_amount": order.paid_amount,
    }


def _refusal(case: Case, catalogue: Catalogue, calendar: Calendar) -> Json | None:
    if case.refusal is None:
        return None
    appeal = catalogue.appeal
    return {
        "reason": case.refusal,
        "appeal": {
            "text": bilingual(appeal.text.text()),
            "until": calendar.add_workdays(wib_date(case.since), appeal.working_days).isoformat(),
            "legal_basis": appeal.legal_basis,
            **_sourced(appeal, catalogue),
        },
    }


def _permit(case: Case) -> Json | None:
    if case.permit is None:
        return None
    return {
        "number": case.permit.number,
        "issued_at": iso(case.permit.issued_at),
        "valid_until": _iso(case.permit.valid_until),
        "sha256": case.permit.sha256,
    }


def _step(passed: Step) -> Json:
    event = passed.event
    note = event.detail.get("reason")
    items = event.detail.get("items")
    return {
        "at": iso(event.at),
        "at_text": indonesian_date_time(event.at),
        "event": event.kind.value,
        "state": passed.state.value,
        "text": bilingual(EVENT_TEXTS[event.kind]),
        **({"note": note} if note else {}),
        **({"items": items} if items else {}),
    }


def notification(event: CaseEvent, kind: Kind) -> Json:
    """Say what happened to whose application, for the inbox."""
    text, name = EVENT_TEXTS[EventKind(event.kind)], kind.name
    return {
        "id": str(event.id),
        "at": iso(event.at),
        "event": event.kind,
        "application_id": event.application_id,
        "title": bilingual(Text(f"{name.id}: {text.id}", f"{name.en}: {text.en}")),
    }


def verification(row: Application, case: Case, kind: Kind, catalogue: Catalogue, now: datetime) -> Json:
    """Say what anybody may know of an issued permit: number, kind, validity, and the holder's initials only."""
    permit = case.permit
    if permit is None:
        raise ValueError("only an issued permit can be verified")
    is_valid = permit.valid_until is None or now <= permit.valid_until
    return {
        "number": permit.number,
        "type": {"code": kind.code, "name": bilingual(kind.name.text())},
        "holder": mask_name(row.applicant_name),
        "issued_by": catalogue.office,
        "issued_at": iso(permit.issued_at),
        "issued_on_text": indonesian_date(wib_date(permit.issued_at)),
        "valid_until": _iso(permit.valid_until),
        "status": "valid" if is_valid else "expired",
        "document_sha256": permit.sha256,
    }


def _iso(instant: datetime | None) -> str | None:
    return iso(instant) if instant else None
