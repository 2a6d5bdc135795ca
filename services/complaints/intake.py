"""Taking a report in: JSON, or a form with its first photos; signed in or not; once, however often it is sent."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.complaints.ledger import BY_REPORTER, Case, Ledger
from services.complaints.photos import MAX_PHOTO_BYTES, MAX_PHOTOS_AT_ONCE, Picture
from services.complaints.picturing import attach, photos_of
from services.complaints.service import Service
from services.complaints.tables import BEFORE, Report
from services.complaints.tickets import hash_secret, new_secret, new_ticket
from services.complaints.views import reporter_view
from services.kit.assertion import Caller, caller_of, not_authenticated
from services.kit.idempotency import Answer, attempt_of
from services.kit.inputs import MAX_JSON_BYTES, media_type, parse_json, read_json_bytes, unsupported_type
from services.kit.places import is_in_city, nearest_kecamatan
from services.kit.problem import FieldError, Problem, Refused, Text, bad_request, from_validation, unprocessable
from services.kit.uploads import open_form

_FORM = "multipart/form-data"
_FIELDS = 16
_NO_STORE = {"Cache-Control": "no-store"}


class NewReport(BaseModel):
    """What a citizen sends. The place is a position, a landmark, or both."""

    model_config = ConfigDict(extra="forbid", strict=True)

    category: str = Field(max_length=32)
    description: str = Field(min_length=10, max_length=4000)
    kind: Literal["complaint", "aspiration", "information"] = "complaint"
    lat: float | None = Field(default=None, ge=-90, le=90, allow_inf_nan=False)
    lon: float | None = Field(default=None, ge=-180, le=180, allow_inf_nan=False)
    landmark: str | None = Field(default=None, min_length=3, max_length=200)
    anonymous: bool | None = None
    confidential: bool = False

    @field_validator("description", "landmark")
    @classmethod
    def _without_nul(cls, text: str | None) -> str | None:
        if text is not None and ("\0" in text or not text.strip()):
            raise Refused("Tuliskan dengan kata-kata.", "Put it in words.")
        return text

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if (self.lat is None) != (self.lon is None):
            raise Refused("Isi lat dan lon bersama-sama.", "Give both lat and lon.")
        if self.lat is None and self.landmark is None:
            raise Refused(
                "Sebutkan tempatnya: lat dan lon, atau landmark (patokan).", "Say where: lat and lon, or a landmark."
            )
        return self


@dataclass(frozen=True, slots=True)
class _Sent:
    """A report as it arrived. `told` is what makes two sendings the same."""

    new: NewReport
    pictures: tuple[Picture, ...]
    told: bytes


def routes(service: Service) -> list[Route]:
    """Return the route that takes reports in."""
    # Serial numbers have no gaps, so two transactions that take one collide: here they queue instead.
    turn = asyncio.Lock()

    async def create(request: Request) -> Response:
        caller = caller_of(request)
        sent = await _read(service, request)
        is_anonymous = _is_anonymous(sent.new, caller)
        # An anonymous report must not be tied to the account, not even by the key of a repeated sending.
        name = None if is_anonymous or caller is None else caller.subject
        attempt = attempt_of(request, sent.told, caller=name)
        async with turn:
            # A new report leans on no other but by the counter, which it also changes.
            answer = await service.once.write(
                service.database, attempt, lambda session: _take_in(service, session, sent, name), on_snapshot=True
            )
        return answer.response()

    return [Route("/reports", create, methods=["POST"])]


def _is_anonymous(new: NewReport, caller: Caller | None) -> bool:
    if caller is None and new.anonymous is False:
        raise not_authenticated(
            "Silakan masuk, atau kirim sebagai laporan anonim.", "Sign in, or send it as an anonymous report."
        )
    return caller is None or new.anonymous is True


def _take_in(service: Service, session: Session, sent: _Sent, subject: str | None) -> Answer:
    new = sent.new
    secret = new_secret() if subject is None else None
    report = _report(service, new, secret)
    category = service.catalogue.categories[new.category]
    person = None if subject is None else service.vault.person(subject)
    case = service.ledger.open(session, report, handling=category.handling, person=person)
    case = _attach_all(service.ledger, session, case, sent.pictures)
    view = reporter_view(case, photos_of(session, report), service.catalogue, service.ledger)
    return Answer(201, {"ticket": report.ticket, **({"secret": secret} if secret else {}), **view}, _NO_STORE)


def _report(service: Service, new: NewReport, secret: str | None) -> Report:
    return Report(
        ticket=new_ticket(),
        secret_hash=None if secret is None else hash_secret(secret),
        is_confidential=new.confidential,
        kind=new.kind,
        category=new.category,
        description=new.description.strip(),
        landmark=None if new.landmark is None else new.landmark.strip(),
        lat=new.lat,
        lon=new.lon,
        district=district_of(new.lat, new.lon),
        received_at=service.now(),
    )


def district_of(lat: float | None, lon: float | None) -> str | None:
    """Return the code of the kecamatan a position lies in, as nearly as centroids tell; None outside the city."""
    if lat is None or lon is None or not is_in_city(lat, lon):
        return None
    return nearest_kecamatan(lat, lon).code


def _attach_all(ledger: Ledger, session: Session, case: Case, pictures: tuple[Picture, ...]) -> Case:
    for picture in pictures:
        case = attach(ledger, session, case, picture, stage=BEFORE, doer=BY_REPORTER)
    return case


async def _read(service: Service, request: Request) -> _Sent:
    if media_type(request) == _FORM:
        return await _read_form(service, request)
    if media_type(request) != "application/json":
        raise unsupported_type(f"application/json, {_FORM}")
    body = await read_json_bytes(request)
    new = parse_json(body, NewReport)
    _check_category(service, new)
    return _Sent(new, (), body)


async def _read_form(service: Service, request: Request) -> _Sent:
    """Read a form: the same fields as in JSON, and up to three photos named `file`."""
    limit = MAX_JSON_BYTES + MAX_PHOTOS_AT_ONCE * MAX_PHOTO_BYTES
    async with open_form(request, max_bytes=limit, max_files=MAX_PHOTOS_AT_ONCE, max_fields=_FIELDS) as form:
        fields, files = dict[str, str](), list[UploadFile]()
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files.append(value)
            elif name in fields:
                raise bad_request("repeated-field", f"Isian {name} diulang.", f"The field {name} is repeated.")
            else:
                fields[name] = value
        new = _from_fields(fields)
        _check_category(service, new)
        pictures = tuple([await service.photos.take(file.file) for file in files])
    shown = json.dumps([fields, [picture.copy.sha256 for picture in pictures]], sort_keys=True)
    return _Sent(new, pictures, hashlib.sha256(shown.encode()).digest())


def _from_fields(fields: dict[str, str]) -> NewReport:
    for name in ("anonymous", "confidential"):
        if fields.get(name, "true") not in ("true", "false"):
            raise unprocessable(FieldError(name, Text("Harus true atau false.", "Must be true or false.")))
    try:
        return NewReport.model_validate_strings(fields, strict=False)
    except ValidationError as exc:
        raise from_validation(exc) from None


def _check_category(service: Service, new: NewReport) -> None:
    if new.category not in service.catalogue.categories:
        raise unknown_category(service)


def unknown_category(service: Service) -> Problem:
    """Build the 422 that names the categories there are."""
    known = ", ".join(service.catalogue.categories)
    return unprocessable(
        FieldError("category", Text(f"Kategori tidak dikenal. Yang ada: {known}.", f"Unknown. Known: {known}."))
    )
