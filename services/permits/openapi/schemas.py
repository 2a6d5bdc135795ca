"""The shapes of what this service answers and takes, for its OpenAPI document."""

from pydantic.json_schema import models_json_schema

from services.kit.openapi import Json, ref
from services.permits.applications import ChangedDetails, NewApplication
from services.permits.desk_requests import CorrectionRequest, LevyOrder, PaymentCheck, Refusal
from services.permits.machine import EventKind, State
from services.permits.office import Nothing
from services.permits.payments import ACCEPTED, SURPLUS, TO_CHECK, Inquiry, PaymentNotice

_BODIES = (
    Nothing,
    NewApplication,
    ChangedDetails,
    CorrectionRequest,
    LevyOrder,
    PaymentCheck,
    Refusal,
    Inquiry,
    PaymentNotice,
)
_STRING: Json = {"type": "string"}
_BOOLEAN: Json = {"type": "boolean"}
_INTEGER: Json = {"type": "integer"}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_SHA256: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT = ref("Text")
_STATE: Json = {"type": "string", "enum": [state.value for state in State]}
_EVENT: Json = {"type": "string", "enum": [kind.value for kind in EventKind]}
_MAYBE_STRING: Json = {"type": ["string", "null"]}
_MAYBE_INSTANT: Json = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_INTEGER: Json = {"type": ["integer", "null"]}
_SOURCED: Json = {"source": _STRING, "verified": _BOOLEAN, "note": _TEXT}
_NOTE = ("note",)


def _object(properties: Json, optional: tuple[str, ...] = (), description: str = "") -> Json:
    required = [name for name in properties if name not in optional]
    described = {"description": description} if description else {}
    return {"type": "object", "required": required, "properties": properties, **described}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _maybe(schema: Json) -> Json:
    return {"oneOf": [schema, {"type": "null"}]}


def schemas() -> Json:
    """Return every schema of the document by name."""
    _, bodies = models_json_schema(
        [(model, "validation") for model in _BODIES], ref_template="#/components/schemas/{model}"
    )
    return {**bodies["$defs"], **_catalogue(), **_application(), **_parts(), **_others()}


def _catalogue() -> Json:
    type_name = _object({"code": _STRING, "name": _TEXT})
    summary: Json = {
        "code": _STRING,
        "name": _TEXT,
        "agency": _STRING,
        "technical_agency": _STRING,
        "promise": _object(
            {
                "working_days": _MAYBE_INTEGER,
                "working_hours": _MAYBE_INTEGER,
                "text": _TEXT,
                "starts": _STRING,
                **_SOURCED,
            },
            _NOTE,
        ),
        "fee": _object(
            {
                "gratis": _BOOLEAN,
                "text": _TEXT,
                "rate": _maybe(_object({"field": _STRING, "rupiah_per_unit": _INTEGER})),
                **_SOURCED,
            },
            _NOTE,
        ),
    }
    field = {"code": _STRING, "type": _STRING, "name": _TEXT, "minimum": _INTEGER, "maximum": _INTEGER}
    detail: Json = {
        **summary,
        "legal_basis": _list(_object({"title": _STRING, **_SOURCED}, _NOTE)),
        "validity": _object({"months": _MAYBE_INTEGER, **_SOURCED}, _NOTE),
        "fields": _list(_object({**field, "choices": _list(_STRING)}, ("minimum", "maximum", "choices"))),
        "documents": _list(_object({"code": _STRING, "name": _TEXT, "required": _BOOLEAN, **_SOURCED}, _NOTE)),
    }
    return {
        "Text": _object({"id": _STRING, "en": _STRING}, description="The same in Indonesian and English"),
        "TypeName": type_name,
        "TypeSummary": _object(summary),
        "Type": _object(detail),
    }


def _summary_properties() -> Json:
    return {
        "id": _STRING,
        "type": ref("TypeName"),
        "applicant_name": _STRING,
        "state": _STATE,
        "state_text": _TEXT,
        "awaits": {"type": ["string", "null"], "enum": ["applicant", "office", None]},
        "created_at": _INSTANT,
        "submitted_at": _MAYBE_INSTANT,
        "updated_at": _INSTANT,
        "permit_number": _MAYBE_STRING,
    }


def _application() -> Json:
    detail: Json = {
        **_summary_properties(),
        "next": _TEXT,
        "details": {"type": "object"},
        "documents": _list(
            _object({"code": _STRING, "name": _TEXT, "required": _BOOLEAN, "uploaded": _maybe(ref("UploadedDocument"))})
        ),
        "missing": _list(_object({"item": _STRING, "name": _TEXT})),
        "corrections": _list(_object({"item": _STRING, "name": _TEXT, "note": _STRING, "answered": _BOOLEAN})),
        "promise": ref("PromiseReading"),
        "expires_at": _MAYBE_INSTANT,
        "payment": _maybe(ref("PaymentOrder")),
        "refusal": _maybe(ref("RefusalShown")),
        "permit": _maybe(ref("Permit")),
        "history": _list(ref("HistoryStep")),
    }
    assigned: Json = {"type": ["string", "null"], "enum": ["me", "other", None]}
    queue = _maybe(_object({"position": _INTEGER, "of": _INTEGER}))
    desk: Json = {**detail, "assigned": assigned, "responsible": _STRING, "possible": _list(_EVENT)}
    return {
        "ApplicationSummary": _object(_summary_properties()),
        "Application": _object({**detail, "queue": queue}),
        "DeskSummary": _object({**_summary_properties(), "assigned": assigned}),
        "DeskCase": _object(desk),
        "NextCase": _object({"application": _maybe(ref("DeskCase"))}),
    }


def _parts() -> Json:
    step = {"at": _INSTANT, "at_text": _STRING, "event": _EVENT, "state": _STATE, "text": _TEXT, "note": _STRING}
    return {
        "UploadedDocument": _object(
            {"sha256": _SHA256, "media_type": _STRING, "size_bytes": _INTEGER, "uploaded_at": _INSTANT}
        ),
        "PromiseReading": _object(
            {
                "promised": _TEXT,
                "starts": _STRING,
                "started_at": _MAYBE_INSTANT,
                "runs": _BOOLEAN,
                "due": _MAYBE_INSTANT,
                "due_text": _MAYBE_STRING,
                "late": _BOOLEAN,
                "kept": {"type": ["boolean", "null"]},
                **_SOURCED,
                "calendar_note": _TEXT,
            },
            ("note", "calendar_note"),
            "The office's promise; its clock stands still while the applicant is to act",
        ),
        "PaymentOrder": _object(
            {
                "billing_code": _STRING,
                "amount": _INTEGER,
                "amount_text": _STRING,
                "explanation": _STRING,
                "ordered_at": _INSTANT,
                "pay_before": _MAYBE_INSTANT,
                "paid_amount": _MAYBE_INTEGER,
            }
        ),
        "RefusalShown": _object(
            {
                "reason": _STRING,
                "appeal": _object(
                    {"text": _TEXT, "until": {"type": "string", "format": "date"}, "legal_basis": _STRING, **_SOURCED},
                    _NOTE,
                ),
            }
        ),
        "Permit": _object({"number": _STRING, "issued_at": _INSTANT, "valid_until": _MAYBE_INSTANT, "sha256": _SHA256}),
        "HistoryStep": _object(
            {**step, "items": _list(_object({"item": _STRING, "note": _STRING}))}, ("note", "items")
        ),
    }


def _others() -> Json:
    outcome: Json = {"type": "string", "enum": [ACCEPTED, TO_CHECK, SURPLUS]}
    return {
        "Notification": _object(
            {"id": _STRING, "at": _INSTANT, "event": _EVENT, "application_id": _STRING, "title": _TEXT}
        ),
        "Verification": _object(
            {
                "number": _STRING,
                "type": ref("TypeName"),
                "holder": _STRING,
                "issued_by": _STRING,
                "issued_at": _INSTANT,
                "issued_on_text": _STRING,
                "valid_until": _MAYBE_INSTANT,
                "status": {"type": "string", "enum": ["valid", "expired"]},
                "document_sha256": _SHA256,
            },
            description="What anybody may know of a permit; the holder's name is masked",
        ),
        "Bill": _object(
            {
                "billing_code": _STRING,
                "amount": _INTEGER,
                "description": _STRING,
                "payable": _BOOLEAN,
                "pay_before": _MAYBE_INSTANT,
            }
        ),
        "PaymentOutcome": _object({"payment_id": _STRING, "outcome": outcome}),
    }
