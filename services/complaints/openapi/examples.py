"""Examples for the OpenAPI document: one report as each audience sees it. A test holds them to the schemas."""

from typing import Any

from services.kit.openapi import Json

_AT = "2026-11-24T09:00:00+07:00"
_TICKET = "LKS-7K2MF-9QX4T"
_STATE_TEXT = {"id": "Laporan diteruskan ke OPD.", "en": "Forwarded to the agency."}
_TITLE = {"id": "Jalan rusak", "en": "Damaged roads"}
_DISTRICT = {"code": "36.71.08", "name": "Periuk", "approximate": True}
_NOWHERE = {"waiting": 0, "in_process": 0, "done": 0, "rejected": 0, "duplicate": 0}


def page(item: Any) -> Json:  # Any: JSON
    """Wrap an example into a page."""
    return {"items": [item], "next": None}


NEW_REPORT: Json = {
    "category": "roads",
    "description": "Lubang besar di depan pasar, sudah dua motor jatuh.",
    "lat": -6.16812,
    "lon": 106.59431,
    "landmark": "Depan Pasar Periuk",
}
HEADLINE: Json = {
    "ticket": _TICKET,
    "state": "DITERUSKAN",
    "state_text": _STATE_TEXT,
    "place_in_balance": "in_process",
    "colour": "yellow",
    "kind": "complaint",
    "category": "roads",
    "category_title": _TITLE,
    "agency": "DPUPR",
    "district": _DISTRICT,
    "received_at": _AT,
    "updated_at": "2026-11-24T10:30:00+07:00",
    "due_at": "2026-12-01T10:30:00+07:00",
    "is_late": False,
    "duplicate_of": None,
}
_CLOCK: Json = {
    "code": "follow_up",
    "title": {"id": "Tindak lanjut oleh OPD", "en": "Follow-up by the agency"},
    "promised": 5,
    "unit": "workdays",
    "state": "running",
    "due_at": "2026-12-01T10:30:00+07:00",
    "is_missed": False,
    "source": "SP4N-LAPOR! (teks aplikasi)",
    "verified": False,
}
_HISTORY: list[Json] = [
    {
        "at": _AT,
        "kind": "received",
        "by": "reporter",
        "text": {"id": "Laporan diterima.", "en": "The report was received."},
    },
    {
        "at": "2026-11-24T10:30:00+07:00",
        "kind": "forwarded",
        "by": "desk",
        "text": {"id": "Laporan diteruskan ke OPD.", "en": "The report was forwarded to an agency."},
        "agency": "DPUPR",
    },
]
_DETAILS: Json = {
    **HEADLINE,
    "description": NEW_REPORT["description"],
    "place": {"lat": -6.16812, "lon": 106.59431, "landmark": "Depan Pasar Periuk"},
    "anonymous": False,
    "confidential": False,
    "rating": None,
    "clocks": [_CLOCK],
    "photos": [
        {
            "number": 1,
            "stage": "before",
            "href": f"/reports/{_TICKET}/photos/1",
            "media_type": "image/jpeg",
            "size_bytes": 184_320,
        }
    ],
    "published": {"summary": None, "photos": []},
    "history": _HISTORY,
}
REPORT: Json = {**_DETAILS, "may": ["photos", "replies"]}
CREATED: Json = {**REPORT, "anonymous": True, "secret": "XS7CY-4TYU2-DHH8Y-G8UUS-R7DGR"}
OFFICER_REPORT: Json = {
    **_DETAILS,
    "handling": "without_supervision",
    "photo_positions": [{"number": 1, "lat": -6.168, "lon": 106.594}],
    "may": {"desk": ["publish"], "agency": ["hand_back", "start_work", "photos"]},
}
PUBLIC_REPORT: Json = {
    "ticket": _TICKET,
    "state": "DITERUSKAN",
    "state_text": _STATE_TEXT,
    "colour": "yellow",
    "kind": "complaint",
    "category": "roads",
    "category_title": _TITLE,
    "agency": "DPUPR",
    "district": _DISTRICT,
    "position": {"lat": -6.168, "lon": 106.594},
    "summary": "Lubang di jalan depan pasar.",
    "received_on": "2026-11-24",
    "updated_on": "2026-11-24",
    "is_late": False,
    "missed_time_limits": 0,
    "photos": {"before": [f"/public/{_TICKET}/photos/1"], "after": []},
    "stars": None,
    "followers": 3,
    "duplicate_of": None,
}
MAP: Json = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [106.594, -6.168]},
            "properties": {"ticket": _TICKET, "state": "DITERUSKAN", "colour": "yellow", "category": "roads"},
        }
    ],
    "next": None,
}
CATEGORY: Json = {
    "code": "roads",
    "title": _TITLE,
    "agency": "DPUPR",
    "handling": "without_supervision",
    "shows_position": True,
    "needs_evidence": True,
    "source": "example",
    "verified": False,
}
BALANCE: Json = {
    "as_of": "2026-11-24T10:31:00+07:00",
    "received": 1,
    "places": {**_NOWHERE, "in_process": 1},
    "states": {"DITERUSKAN": 1},
    "closes": True,
    "proof": {
        "serial_numbers_given": 1,
        "reports_kept": 1,
        "sum_of_states": 1,
        "sum_of_daily_events": 1,
        "states_from_events_agree": True,
    },
    "days": [
        {
            "date": "2026-11-24",
            "places_at_start": _NOWHERE,
            "received": 1,
            "entered": {**_NOWHERE, "waiting": 1, "in_process": 1},
            "left": {**_NOWHERE, "waiting": 1},
            "places_at_end": {**_NOWHERE, "in_process": 1},
            "states_at_end": {"DITERUSKAN": 1},
            "received_so_far": 1,
        }
    ],
    "next": None,
}
NOTIFICATION: Json = {
    "id": 12,
    "at": "2026-11-24T10:30:00+07:00",
    "ticket": _TICKET,
    "relation": "reporter",
    "kind": "forwarded",
    "state": "DITERUSKAN",
    "text": {"id": "Laporan diteruskan ke OPD.", "en": "The report was forwarded to an agency."},
    "message": None,
}
