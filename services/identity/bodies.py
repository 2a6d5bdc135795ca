"""The JSON bodies that endpoints take, and the checks that turn what was typed into what is meant."""

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.identity.identifiers import MAX_IDENTIFIER_CHARACTERS, Handle, Kind, normalise, recognise
from services.identity.passwords import MAX_PASSWORD_CHARACTERS, TOO_COMMON, check_password
from services.identity.policy import Policy
from services.identity.sessions import MAX_DEVICE_CHARACTERS
from services.kit.problem import FieldError, Refused, Text, unprocessable

MAX_BODY_BYTES = 4096

# For the document: the plain spellings. The checks in identifiers.py also forgive spaces, dots and dashes.
NIK_PATTERN = (
    r"(1[1-9]|21|3[1-6]|5[1-4]|6[1-5]|7[1-6]|8[12]|9[1-7])[0-9]{4}"
    r"(0[1-9]|[12][0-9]|3[01]|4[1-9]|[56][0-9]|7[01])(0[1-9]|1[0-2])[0-9]{2}(?!0000)[0-9]{4}"
)
EMAIL_PATTERN = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,180}"
PHONE_PATTERN = r"(\+62|62|0)8[1-9][0-9]{6,10}"
CONTACT_PATTERN = f"({EMAIL_PATTERN}|{PHONE_PATTERN})"
ANY_PATTERN = f"({NIK_PATTERN}|{EMAIL_PATTERN}|{PHONE_PATTERN})"

# A name needs a Latin letter, as on every identity card, and stays on its line.
_NAME_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"
_LETTER = re.compile("[A-Za-z\u00c0-\u024f]")


def _typed(pattern: str) -> Any:  # Any: pydantic's field description
    return Field(min_length=1, max_length=MAX_IDENTIFIER_CHARACTERS, json_schema_extra={"pattern": f"^{pattern}$"})


_NO_NUL: dict[str, Any] = {"pattern": r"^[^\x00]*$"}  # refused in any JSON by the kit
Password = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS, json_schema_extra=_NO_NUL)]
NewPassword = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_PASSWORD_CHARACTERS,
        json_schema_extra={
            "minLength": 8,
            "pattern": r"^(?!([\s\S])\1+$)[^\x00]*$",
            "not": {"enum": sorted(TOO_COMMON)},
        },
    ),
]
Typed = Annotated[str, _typed(ANY_PATTERN)]
Nik = Annotated[str, _typed(NIK_PATTERN)]
Email = Annotated[str, _typed(EMAIL_PATTERN)]
Phone = Annotated[str, _typed(PHONE_PATTERN)]
Contact = Annotated[str, _typed(CONTACT_PATTERN)]
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=_NAME_PATTERN,
        json_schema_extra={"allOf": [{"pattern": _LETTER.pattern}]},
    ),
]


def _name(value: str) -> str:
    if not _LETTER.search(value):
        raise Refused("Nama ditulis dengan huruf.", "A name is written with letters.")
    return " ".join(value.split())


class Body(BaseModel):
    """Unknown members are refused: a misspelt one would be ignored silently."""

    model_config = ConfigDict(extra="forbid")


class Registration(Body):
    """A new account: at least one of NIK, e-mail and phone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"anyOf": [{"required": ["nik"]}, {"required": ["email"]}, {"required": ["phone"]}]},
    )
    name: Name
    password: NewPassword
    nik: Nik = ""
    email: Email = ""
    phone: Phone = ""

    @field_validator("name")
    @classmethod
    def _has_letters(cls, value: str) -> str:
        return _name(value)

    def handles(self) -> list[Handle]:
        """Return what is claimed, in one spelling; 422 naming each that is wrong."""
        given = {Kind.NIK: self.nik, Kind.EMAIL: self.email, Kind.PHONE: self.phone}
        found, errors = [], []
        for kind, text in given.items():
            if not text:
                continue
            try:
                found.append(normalise(kind, text))
            except Refused as exc:
                errors.append(FieldError(kind.value, exc.text))
        if errors:
            raise unprocessable(*errors)
        if not found:
            need = Text("Isi salah satu: NIK, e-mail, atau telepon.", "Give a NIK, an e-mail address or a phone.")
            raise unprocessable(FieldError("identifier", need, "missing"))
        return found


class Login(Body):
    """What somebody types to sign in."""

    identifier: Typed
    password: Password
    device: str = Field(default="", max_length=200, json_schema_extra=_NO_NUL)


class Refresh(Body):
    """A refresh token to be exchanged, or at logout, to be ended."""

    refresh_token: str = Field(min_length=1, max_length=512, json_schema_extra=_NO_NUL)


class Renaming(Body):
    """A device's new name."""

    device: str = Field(min_length=1, max_length=MAX_DEVICE_CHARACTERS, json_schema_extra=_NO_NUL)


class Claiming(Body):
    """One more identifier for the account."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"properties": {"kind": {"const": kind}, "value": {"pattern": f"^{pattern}$"}}}
                for kind, pattern in (("nik", NIK_PATTERN), ("email", EMAIL_PATTERN), ("phone", PHONE_PATTERN))
            ]
        },
    )
    kind: Literal["nik", "email", "phone"]
    value: Typed
    password: Password


class Confirmation(Body):
    """The account's password, for what must not be done by whoever finds the phone."""

    password: Password


class CodeTyped(Body):
    """The code that came."""

    code_id: str = Field(min_length=1, max_length=32, json_schema_extra=_NO_NUL)
    code: str = Field(pattern=r"^[0-9]{6}$")


class Matching(Body):
    """What the population register is asked to compare, beside the account's NIK."""

    name: Name
    birth_date: date
    family_card: str = Field(pattern=r"^[0-9]{16}$")


class PasswordChange(Body):
    """The old password and the new one."""

    current_password: Password
    new_password: NewPassword


class RecoveryRequest(Body):
    """Whose account is to be recovered."""

    identifier: Typed


class RecoveryCompletion(Body):
    """The code that came, and the new password."""

    code: str = Field(pattern=r"^[0-9]{6}$")
    new_password: NewPassword


class CounterCase(Body):
    """What an officer types at the counter after seeing the person and the identity card."""

    nik: Nik
    contact: Contact
    seen: Literal["ktp", "kk-and-ktp-receipt", "passport"]


class Reason(Body):
    """Why an account is blocked; the owner is not shown it."""

    reason: Literal["stolen-device", "fraud", "court-order", "owner-asked"]


def recognised(text: str, field: str = "identifier") -> Handle:
    """Return what was typed as an identifier, or 422 saying what is wrong with it."""
    try:
        return recognise(text)
    except Refused as exc:
        raise unprocessable(FieldError(field, exc.text)) from None


def normalised(kind: Kind, text: str, field: str) -> Handle:
    """Return an identifier of a known kind, or 422 saying what is wrong with it."""
    try:
        return normalise(kind, text)
    except Refused as exc:
        raise unprocessable(FieldError(field, exc.text)) from None


def recognised_contact(text: str, field: str) -> Handle:
    """Return an e-mail address or phone number, or 422."""
    handle = recognised(text, field)
    if not handle.kind.is_contact:
        need = Text("Isi dengan e-mail atau nomor telepon.", "Give an e-mail address or a phone number.")
        raise unprocessable(FieldError(field, need))
    return handle


def acceptable_password(policy: Policy, password: str, field: str = "password") -> str:
    """Return a new password in its one spelling, or 422 saying why it is none."""
    try:
        return check_password(password, policy)
    except Refused as exc:
        raise unprocessable(FieldError(field, exc.text)) from None
