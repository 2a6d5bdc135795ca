"""What officers may do to a report, as they send it: one model for each action, and the event it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.complaints.life import Happening
from services.complaints.photos import MAX_PHOTOS_PER_REPORT
from services.complaints.tickets import TICKET_PATTERN
from services.kit.inputs import parse_json
from services.kit.logs import redact
from services.kit.problem import FieldError, Refused, Text, unprocessable


def _says_something(text: str) -> str:
    if not text.strip():
        raise Refused("Tuliskan dengan kata-kata.", "Put it in words.")
    return text.strip()


def _names_nobody(text: str) -> str:
    if redact(text) != text:
        raise Refused(
            "Ringkasan umum tidak boleh memuat NIK, nomor telepon, atau alamat surel.",
            "A public summary must not contain a NIK, a phone number or an e-mail address.",
        )
    return text


Message = Annotated[str, Field(min_length=3, max_length=4000), AfterValidator(_says_something)]
Summary = Annotated[
    str, Field(min_length=10, max_length=500), AfterValidator(_says_something), AfterValidator(_names_nobody)
]
PhotoNumber = Annotated[int, Field(ge=1, le=MAX_PHOTOS_PER_REPORT)]
Handling = Literal["normative", "without_supervision", "supervision"]
Reason = Literal["not_the_citys", "outside_the_city", "not_a_report", "no_evidence", "in_court", "abusive"]


class Action(BaseModel):
    """What every action shares; `message` is read by the reporter."""

    model_config = ConfigDict(extra="forbid", strict=True)
    action: str


class StartVerification(Action):
    """The desk begins to check a report."""


class RequestData(Action):
    """The desk asks the reporter for something that is missing."""

    message: Message


class Forward(Action):
    """The desk gives the report to an agency, and may correct how it is to be handled."""

    agency: str = Field(max_length=32)
    handling: Handling | None = None
    message: Message | None = None


class Reject(Action):
    """The desk says why nothing can be done."""

    reason: Reason
    message: Message


class LinkDuplicate(Action):
    """The desk joins a report to an earlier one of the same."""

    of: str = Field(pattern=TICKET_PATTERN)
    message: Message | None = None


class UnlinkDuplicate(Action):
    """The desk takes a mistaken link back."""

    message: Message | None = None


class Publish(Action):
    """The desk says what everybody may read and which photos everybody may see."""

    summary: Summary
    photos: list[PhotoNumber] = Field(max_length=MAX_PHOTOS_PER_REPORT)


class HandBack(Action):
    """The agency says it is not the right one, and may name a better one."""

    message: Message
    suggestion: str | None = Field(default=None, max_length=32)


class StartWork(Action):
    """The agency begins."""

    message: Message | None = None


class ReportProgress(Action):
    """The agency tells how it goes."""

    message: Message


class FollowUp(Action):
    """The agency says what it has done; the reporter judges."""

    message: Message


@dataclass(frozen=True, slots=True)
class Kind:
    """An action by its model, and the event it becomes."""

    model: type[Action]
    happening: Happening


ACTIONS: Mapping[str, Kind] = MappingProxyType(
    {
        "start_verification": Kind(StartVerification, Happening.VERIFICATION_STARTED),
        "request_data": Kind(RequestData, Happening.DATA_REQUESTED),
        "forward": Kind(Forward, Happening.FORWARDED),
        "reject": Kind(Reject, Happening.REJECTED),
        "link_duplicate": Kind(LinkDuplicate, Happening.LINKED),
        "unlink_duplicate": Kind(UnlinkDuplicate, Happening.UNLINKED),
        "publish": Kind(Publish, Happening.PUBLISHED),
        "hand_back": Kind(HandBack, Happening.HANDED_BACK),
        "start_work": Kind(StartWork, Happening.WORK_STARTED),
        "report_progress": Kind(ReportProgress, Happening.PROGRESSED),
        "follow_up": Kind(FollowUp, Happening.FOLLOWED_UP),
    }
)


class _Named(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)
    action: str


def parse_action(body: bytes) -> tuple[Action, Happening]:
    """Read an action; 422 names the fields that are wrong, or the actions there are."""
    name = parse_json(body, _Named).action
    if name not in ACTIONS:
        known = ", ".join(ACTIONS)
        raise unprocessable(FieldError("action", Text(f"Pilihan yang ada: {known}.", f"Must be one of: {known}.")))
    kind = ACTIONS[name]
    return parse_json(body, kind.model), kind.happening


def detail_of(action: Action) -> dict[str, Any]:
    """Return what the event remembers of the action."""
    return action.model_dump(exclude={"action"}, exclude_none=True)
