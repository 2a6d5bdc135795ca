"""Photos in the database: tying one to its report, and the paths by which each audience sees it."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.complaints.ledger import Case, Doer, Ledger
from services.complaints.life import Happening
from services.complaints.photos import MAX_PHOTOS_PER_REPORT, Picture
from services.complaints.tables import Photo, PhotoPosition, Report
from services.kit.problem import Problem, conflict, not_found


def photos_of(session: Session, report: Report) -> Sequence[Photo]:
    """Return a report's photos in order."""
    return session.scalars(select(Photo).where(Photo.serial == report.serial).order_by(Photo.number)).all()


def positions_of(session: Session, report: Report) -> list[dict[str, object]]:
    """Return where the report's photos were taken, for those who must find the place."""
    rows = session.scalars(
        select(PhotoPosition).where(PhotoPosition.serial == report.serial).order_by(PhotoPosition.number)
    )
    return [{"number": row.number, "lat": row.lat, "lon": row.lon} for row in rows]


def attach(ledger: Ledger, session: Session, case: Case, picture: Picture, *, stage: str, doer: Doer) -> Case:
    """Tie a picture to the report; one that is there already is left as it is."""
    report = case.report
    for photo in photos_of(session, report):
        if photo.sha256 == picture.copy.sha256:
            return case
    number = len(case.state.photos) + 1
    if number > MAX_PHOTOS_PER_REPORT:
        raise too_many_photos()
    case = ledger.record(session, case, Happening.PHOTO_ADDED, doer, {"number": number, "stage": stage})
    copy = picture.copy
    session.add(
        Photo(
            serial=report.serial,
            number=number,
            stage=stage,
            sha256=copy.sha256,
            media_type=copy.media_type,
            size_bytes=copy.size_bytes,
        )
    )
    if picture.position is not None:
        position = picture.position
        session.add(PhotoPosition(serial=report.serial, number=number, lat=position.lat, lon=position.lon))
    session.flush()
    return case


def photo_named(session: Session, report: Report, number: str) -> Photo:
    """Return a report's photo by the number in a path, or 404."""
    is_number = number.isascii() and number.isdigit() and len(number) < 4
    photo = session.get(Photo, (report.serial, int(number))) if is_number else None
    if photo is None:
        raise not_found("Foto tidak ditemukan.", "There is no such photo.")
    return photo


def too_many_photos() -> Problem:
    """Build the 409 of a report that has all the photos it may have."""
    return conflict(
        "too-many-photos",
        f"Satu laporan memuat paling banyak {MAX_PHOTOS_PER_REPORT} foto.",
        f"A report holds at most {MAX_PHOTOS_PER_REPORT} photos.",
    )
