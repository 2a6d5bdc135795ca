"""How a report looks to its reporter, to officers and to everybody: three views, each listing what it shows.

A view never starts from a whole row: what is not named here is not shown.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.complaints.catalogue import Catalogue, Category
from services.complaints.clocks import Clocks, Promise, ends_at
from services.complaints.desk_actions import ACTIONS
from services.complaints.ledger import FAR_AWAY, Case, Ledger
from services.complaints.life import PLACES, Actor, Happening, Place, Status
from services.complaints.machine import Event, possible
from services.complaints.tables import AFTER, BEFORE, Photo, Report
from services.complaints.texts import COLOURS, happening_text, state_text
from services.kit.clock import iso, wib_date
from services.kit.places import KECAMATAN
from services.kit.problem import Text
from services.kit.workdays import Reading

Json = dict[str, Any]  # Any: JSON

_REPORTER_PATHS = {
    Happening.PHOTO_ADDED: "photos",
    Happening.REPLIED: "replies",
    Happening.DATA_PROVIDED: "replies",
    Happening.RATED: "rating",
    Happening.REOPENED: "reopening",
}
_DISTRICTS = {place.code: place.name for place in KECAMATAN}
_PUBLIC_DECIMALS = 3  # about 110 m: the street, not the house


def text_json(text: Text) -> Json:
    """Show a text in both languages; the app chooses."""
    return {"id": text.id, "en": text.en}


def district_json(code: str | None) -> Json | None:
    """Show a kecamatan; it is the nearest one by centroid, which is said."""
    return None if code is None else {"code": code, "name": _DISTRICTS[code], "approximate": True}


def category_json(category: Category) -> Json:
    """Show an entry of the catalogue, with what is not verified labelled so."""
    return {
        "code": category.code,
        "title": text_json(category.title),
        "agency": category.agency,
        "handling": category.handling,
        "shows_position": category.shows_position,
        "needs_evidence": category.needs_evidence,
        "source": category.source,
        "verified": category.verified,
    }


def headline(report: Report, catalogue: Catalogue) -> Json:
    """Show what every list of one's own or an officer's reports shows."""
    status = Status(report.state)
    category = catalogue.categories.get(report.category)
    return {
        "ticket": report.ticket,
        "state": status,
        "state_text": text_json(state_text(status)),
        "place_in_balance": PLACES[status],
        "colour": COLOURS[PLACES[status]],
        "kind": report.kind,
        "category": report.category,
        "category_title": text_json(category.title) if category else None,
        "agency": report.agency,
        "district": district_json(report.district),
        "received_at": iso(report.received_at),
        "updated_at": iso(report.updated_at),
        "due_at": _instant(report.due_at),
        "is_late": report.is_late,
        "duplicate_of": report.duplicate_of,
    }


def reporter_view(case: Case, photos: Iterable[Photo], catalogue: Catalogue, ledger: Ledger) -> Json:
    """Show a report to whom it belongs."""
    return {
        **headline(case.report, catalogue),
        **_content(case.report),
        "rating": _rating(case),
        "clocks": clocks_json(case, ledger),
        "photos": [_photo_json(photo, f"/reports/{case.report.ticket}") for photo in photos],
        "published": {"summary": case.state.summary, "photos": sorted(case.state.public_photos)},
        "history": [_event_json(event) for event in case.events if event.kind is not Happening.CLOCK_WARNED],
        "may": _reporter_paths(case),
    }


def officer_view(
    case: Case, photos: Iterable[Photo], positions: Iterable[Json], catalogue: Catalogue, ledger: Ledger
) -> Json:
    """Show a report to the officers in charge: everything but who reported it."""
    return {
        **headline(case.report, catalogue),
        **_content(case.report),
        "handling": case.state.handling,
        "rating": _rating(case),
        "clocks": clocks_json(case, ledger),
        "photos": [_photo_json(photo, f"/desk/reports/{case.report.ticket}") for photo in photos],
        "photo_positions": list(positions),
        "published": {"summary": case.state.summary, "photos": sorted(case.state.public_photos)},
        "history": [_event_json(event) for event in case.events],
        "may": {actor.value: _action_names(case, actor) for actor in (Actor.DESK, Actor.AGENCY)},
    }


def public_view(report: Report, case: Case, photos: Iterable[Photo], catalogue: Catalogue, *, followers: int) -> Json:
    """Show a report to everybody: no text of the reporter's, no time of day, no house."""
    status = Status(report.state)
    shown = [photo for photo in photos if photo.number in case.state.public_photos]
    category = catalogue.categories.get(report.category)
    return {
        "ticket": report.ticket,
        "state": status,
        "state_text": text_json(state_text(status)),
        "colour": COLOURS[PLACES[status]],
        "kind": report.kind,
        "category": report.category,
        "category_title": text_json(category.title) if category else None,
        "agency": report.agency,
        "district": district_json(report.district),
        "position": _public_position(report, category),
        "summary": case.state.summary,
        "received_on": wib_date(report.received_at).isoformat(),
        "updated_on": wib_date(report.updated_at).isoformat(),
        "is_late": report.is_late,
        "missed_time_limits": len(case.state.overdue),
        "photos": {
            stage: [f"/public/{report.ticket}/photos/{photo.number}" for photo in shown if photo.stage == stage]
            for stage in (BEFORE, AFTER)
        },
        "stars": case.state.stars,
        "followers": followers,
        "duplicate_of": report.duplicate_of,
    }


def clocks_json(case: Case, ledger: Ledger) -> list[Json]:
    """Show every promise's clock and what happens by itself; unverified rules are labelled."""
    readings = ledger.readings(case)
    clocks = ledger.clocks
    promises = [_promise_json(p, readings[p.rule.code], case, clocks) for p in clocks.promises_for(case.state)]
    return promises + _silences_json(case, clocks)


def _promise_json(promise: Promise, reading: Reading, case: Case, clocks: Clocks) -> Json:
    rule = promise.rule
    is_over = PLACES[case.state.status] in (Place.DONE, Place.REJECTED, Place.DUPLICATE)
    return {
        "code": rule.code,
        "title": text_json(rule.title),
        "promised": rule.amount,
        "unit": rule.unit,
        "state": "running" if reading.runs else "stopped" if is_over else "paused",
        "due_at": None if reading.due is None else iso(reading.due),
        "is_missed": rule.code in case.state.overdue,
        "source": rule.source,
        "verified": rule.verified and (rule.unit == "days" or clocks.calendar.verified),
    }


def _silences_json(case: Case, clocks: Clocks) -> list[Json]:
    shown = list[Json]()
    for silence in clocks.silences:
        end = ends_at(silence, case.state, clocks.calendar)
        if end is None:
            continue
        rule = silence.rule
        shown.append(
            {
                "code": rule.code,
                "title": text_json(rule.title),
                "promised": rule.amount,
                "unit": rule.unit,
                "state": "running",
                "due_at": iso(end),
                "is_missed": False,
                "source": rule.source,
                "verified": rule.verified and (rule.unit == "days" or clocks.calendar.verified),
            }
        )
    return shown


def _reporter_paths(case: Case) -> list[str]:
    """Name what the reporter may send now, by the path it is sent to."""
    return sorted({_REPORTER_PATHS[kind] for kind in possible(case.state, Actor.REPORTER)})


def _action_names(case: Case, actor: Actor) -> list[str]:
    """Name what officers may do now: an action, or `photos` for the path."""
    kinds = possible(case.state, actor)
    names = [name for name, action in ACTIONS.items() if action.happening in kinds]
    return names + (["photos"] if Happening.PHOTO_ADDED in kinds else [])


def _content(report: Report) -> Json:
    return {
        "description": report.description,
        "place": {"lat": report.lat, "lon": report.lon, "landmark": report.landmark},
        "anonymous": report.is_anonymous,
        "confidential": report.is_confidential,
    }


def _rating(case: Case) -> Json | None:
    if case.state.stars is None:
        return None
    rated = [event for event in case.events if event.kind is Happening.RATED][-1]
    return {"stars": case.state.stars, "comment": rated.detail.get("comment"), "at": iso(rated.at)}


def _photo_json(photo: Photo, report_path: str) -> Json:
    return {
        "number": photo.number,
        "stage": photo.stage,
        "href": f"{report_path}/photos/{photo.number}",
        "media_type": photo.media_type,
        "size_bytes": photo.size_bytes,
    }


def _event_json(event: Event) -> Json:
    shown = ("message", "agency", "reason", "suggestion", "of", "number", "stage", "stars", "clock")
    return {
        "at": iso(event.at),
        "kind": event.kind,
        "by": event.actor,
        "text": text_json(happening_text(event.kind)),
        **{name: event.detail[name] for name in shown if event.detail.get(name) is not None},
    }


def _public_position(report: Report, category: Category | None) -> Json | None:
    if report.lat is None or report.lon is None or category is None or not category.shows_position:
        return None
    return {"lat": round(report.lat, _PUBLIC_DECIMALS), "lon": round(report.lon, _PUBLIC_DECIMALS)}


def _instant(instant: datetime) -> str | None:
    return None if instant == FAR_AWAY else iso(instant)
