"""The kinds of permit the office grants, read from `catalogue.yaml`: promises, fees, laws, forms, documents.

A fault in the file ends the start with its place; nothing is made up for what it does not say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.kit.problem import Text
from services.kit.workdays import Calendar
from services.kit.yaml_file import read_yaml

DEFAULT_CATALOGUE = Path(__file__).with_name("catalogue.yaml")

# The file is read with every scalar a text, so `yes`, `no` and numbers are given their meaning here.
YesNo = Annotated[bool, BeforeValidator(lambda value: {"yes": True, "no": False}.get(value, value))]
OptionalInt = Annotated[int | None, BeforeValidator(lambda value: None if value == "null" else value)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Model):
    """One phrase in both languages."""

    id: str
    en: str

    def text(self) -> Text:
        return Text(self.id, self.en)


class Sourced(_Model):
    """A fact with the key of its source, and whether it was read there."""

    source: str
    verified: YesNo


class Deadline(Sourced):
    """After so many calendar days without the applicant, the case expires."""

    days: int = Field(ge=1)


class Deadlines(_Model):
    """How long the office waits for an applicant, by what it waits for."""

    draft_idle: Deadline
    correction: Deadline
    payment: Deadline


class Appeal(Sourced):
    """What can be done against a refusal."""

    working_days: int = Field(ge=1)
    text: Words
    legal_basis: str


class Promise(Sourced):
    """The office's own time limit, and the event at which it starts to run."""

    working_days: int | None = Field(default=None, ge=1)
    working_hours: int | None = Field(default=None, ge=1)
    starts: Literal["submitted", "file_accepted", "levy_set"]

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if (self.working_days is None) == (self.working_hours is None):
            raise ValueError("a promise is in working_days or in working_hours")
        return self

    def length(self, calendar: Calendar) -> timedelta:
        """Return the promised amount of office time."""
        if self.working_days is not None:
            return self.working_days * calendar.day_length
        return timedelta(hours=self.working_hours or 0)

    def phrase(self) -> Text:
        """Say the promise in words."""
        if self.working_days is not None:
            return Text(f"{self.working_days} hari kerja", f"{self.working_days} working days")
        return Text(f"{self.working_hours} jam kerja", f"{self.working_hours} working hours")


class Levy(_Model):
    """A proposal for the retribution: so much a unit of one field of the form. An officer sets the amount."""

    field: str
    rupiah_per_unit: int = Field(ge=1)


class Fee(Sourced):
    """Free of charge, or a retribution."""

    gratis: YesNo = False
    levy: Levy | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.gratis == (self.levy is not None):
            raise ValueError("a fee is either gratis or a levy")
        return self


class LegalBasis(Sourced):
    """A law or regulation the permit rests on."""

    title: str


class Validity(Sourced):
    """For how many months a permit holds; null for as long as the thing permitted exists."""

    months: OptionalInt


class FormField(_Model):
    """One question of the form."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: Literal["text", "integer", "choice", "kecamatan"]
    name: Words
    minimum: int = 0
    maximum: int = 1_000_000_000
    choices: tuple[str, ...] = ()


class RequiredDocument(Sourced):
    """A document the application needs, or may add."""

    code: Code
    required: YesNo = True


class Kind(_Model):
    """One kind of permit."""

    code: Code
    name: Words
    technical_agency: str
    promise: Promise
    fee: Fee
    legal_basis: tuple[LegalBasis, ...] = Field(min_length=1)
    validity: Validity
    fields: tuple[FormField, ...]
    documents: tuple[RequiredDocument, ...]

    @model_validator(mode="after")
    def _levy_counts_a_number(self) -> Self:
        numbers = {field.code for field in self.fields if field.type == "integer"}
        if self.fee.levy is not None and self.fee.levy.field not in numbers:
            raise ValueError(f"the levy of {self.code} counts {self.fee.levy.field}, which is no number of its form")
        return self

    def proposed_levy(self, details: Mapping[str, Any]) -> int:  # Any: JSON
        """Return the retribution in rupiah by the catalogue's rate; 0 for what is gratis."""
        if self.fee.levy is None:
            return 0
        return self.fee.levy.rupiah_per_unit * int(details[self.fee.levy.field])


class _File(_Model):
    version: Literal["1"]
    office: str
    sources: dict[str, str]
    deadlines: Deadlines
    appeal: Appeal
    documents: dict[str, Words]
    kinds: tuple[Kind, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _nothing_dangles(self) -> Self:
        for kind in self.kinds:
            unknown = {document.code for document in kind.documents} - self.documents.keys()
            facts: list[Sourced] = [kind.promise, kind.fee, kind.validity, *kind.legal_basis, *kind.documents]
            unknown |= {fact.source for fact in facts} - self.sources.keys()
            if unknown:
                raise ValueError(f"{kind.code} names what the file does not define: {', '.join(sorted(unknown))}")
        if len({kind.code for kind in self.kinds}) != len(self.kinds):
            raise ValueError("two kinds have the same code")
        return self


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything the office offers, by code, and the rules common to all."""

    office: str
    kinds: Mapping[str, Kind]
    document_names: Mapping[str, Words]
    sources: Mapping[str, str]
    deadlines: Deadlines
    appeal: Appeal


def load_catalogue(path: Path = DEFAULT_CATALOGUE) -> Catalogue:
    """Read the catalogue; a fault in it is a ValidationError."""
    document = read_yaml(path)
    parsed = _File.model_validate(document)
    return Catalogue(
        office=parsed.office,
        kinds={kind.code: kind for kind in parsed.kinds},
        document_names=parsed.documents,
        sources=parsed.sources,
        deadlines=parsed.deadlines,
        appeal=parsed.appeal,
    )
