"""Examples for the OpenAPI document: one fire beside a market, from report to dispatch."""

from services.emergency.machine import Status
from services.emergency.texts import CALL, WAIT, state_text, text_json
from services.kit.openapi import Json

_AT = "2026-11-24T09:00:00+07:00"
_FIRE = {"id": "Kebakaran", "en": "Fire"}
_ADVICE = {
    "id": "Keluar, menjauh dari asap, jangan kembali masuk.",
    "en": "Get out, keep away from smoke, do not go back in.",
}

NEW_INCIDENT: Json = {
    "kind": "fire",
    "callback": "0812-3456-7890",
    "lat": -6.1681,
    "lon": 106.5943,
    "landmark": "Depan Pasar Periuk",
    "description": "Asap tebal dari lantai dua.",
}
INCIDENT: Json = {
    "call": CALL,
    "id": "O4yePLiegtcm9RDb4VWl0ysIYzTpO2Ms",
    "reference": "112-000001",
    "kind": {"code": "fire", "title": _FIRE, "advice": _ADVICE},
    "state": "DITERIMA",
    "progress": "DITERIMA",
    "message": text_json(state_text(Status.RECEIVED)),
    "acknowledged": False,
    "call_now": False,
    "call_in_seconds": 30,
    "advice": [text_json(WAIT)],
    "silent": False,
    "outside_city": False,
    "joined_with": None,
    "units": [],
    "location": {"lat": -6.1681, "lon": 106.5943, "landmark": "Depan Pasar Periuk"},
    "callback_hint": "…890",
    "messages": [],
    "history": [{"at": _AT, "kind": "reported", "text": {"id": "Laporan tersimpan.", "en": "Report stored."}}],
    "received_at": _AT,
    "updated_at": _AT,
    "version": "1",
}
KIND_PAGE: Json = {
    "call": CALL,
    "items": [
        {
            "code": "fire",
            "title": _FIRE,
            "advice": _ADVICE,
            "agencies": ["BPBD", "PLN", "DINKES"],
            "severity": 1,
            "source": "Scope of Permenkominfo 10/2016 (draft text); severity and grouping are example data",
            "verified": False,
        }
    ],
    "next": None,
}
POST_PAGE: Json = {
    "call": CALL,
    "items": [
        {
            "code": "fire-periuk",
            "kind": "fire",
            "name": "Pos Damkar Periuk (contoh)",
            "phone": "tel:113",
            "lat": -6.168,
            "lon": 106.594,
            "distance_m": 34,
            "verified": False,
        }
    ],
    "next": None,
    "source": "Example data: centroid of the kecamatan, national short code",
    "verified": False,
}
NOTIFICATION_PAGE: Json = {
    "call": CALL,
    "items": [
        {
            "id": 2,
            "at": _AT,
            "incident": "O4yePLiegtcm9RDb4VWl0ysIYzTpO2Ms",
            "reference": "112-000001",
            "kind": "acknowledged",
            "state": "TRIASE",
            "text": {"id": "Petugas membaca laporan.", "en": "An operator has read the report."},
            "message": None,
        }
    ],
    "next": None,
}
_LINE: Json = {
    "reference": "112-000001",
    "kind": "fire",
    "state": "TRIASE",
    "priority": 1,
    "unread": False,
    "overdue": False,
    "waiting_seconds": None,
    "suspicion": 0,
    "signals": [],
    "corroborated": False,
    "group": 1,
    "joined_with": None,
    "silent": False,
    "callback": "+6281234567890",
    "lat": -6.1681,
    "lon": 106.5943,
    "landmark": "Depan Pasar Periuk",
    "district": "36.71.08",
    "outside_city": False,
    "description": "Asap tebal dari lantai dua.",
    "received_at": _AT,
    "updated_at": _AT,
}
BOARD: Json = {"call": CALL, "version": 2, "unread": 0, "items": [_LINE], "next": None}
BOARD_CASE: Json = {
    "call": CALL,
    **_LINE,
    "kind_title": _FIRE,
    "kind_given": "fire",
    "agencies": ["BPBD", "PLN", "DINKES"],
    "name": None,
    "people": None,
    "accuracy_m": None,
    "assurance": None,
    "centre": None,
    "units": [],
    "joined": [],
    "beside": [],
    "group_size": 1,
    "events": [
        {"at": _AT, "kind": "reported", "by": "reporter", "detail": {"kind": "fire"}},
        {"at": _AT, "kind": "acknowledged", "by": "operator", "detail": {}},
    ],
    "actions": ["assess", "dispatch", "close", "merge", "find_untrue", "hand_over", "note", "write"],
    "rules_verified": False,
    "version": 2,
}
ACTION: Json = {"action": "dispatch", "units": ["damkar-1", "ambulans-1"]}
UNIT_PAGE: Json = {
    "call": CALL,
    "items": [{"code": "damkar-1", "agency": "BPBD", "name": "Damkar 1 (contoh)", "busy_with": ["112-000001"]}],
    "next": None,
    "verified": False,
}
