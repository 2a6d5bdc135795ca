"""The JSON bodies that endpoints take, and the checks that turn what was typed into what is meant."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.identity.identifiers import MAX_IDENTIFIER_CHARACTERS, Handle, Kind, normalise, recognise
from services.identity.passwords import MAX_PASSWORD_CHARACTERS, check_password
from services.identity.policy import Policy
from services.identity.sessions import MAX_DEVICE_CHARACTERS
from services.kit.problem import FieldError, Refused, Text, unprocessable

MAX_BODY_BYTES = 4096

Password = Annotated[str, Field(min_length=1, max_length=MAX_PASSWORD_CHARACTERS)]
Typed = Annotated[str, Field(min_length=1, max_length=MAX_IDENTIFIER_CHARACTERS)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Body(BaseModel):
    """Unknown members are refused: a misspelt one would be ignored silently."""

    model_config = ConfigDict(extra="forbid")


class Registration(Body):
    """A new account: at least one of NIK, e-mail and phone."""

    name: Name
    password: Password
    nik: Typed | None = None
    email: Typed | None = None
    phone: Typed | None = None

    @field_validator("name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable() or not value.strip():
            raise Refused("Nama ditulis dalam satu baris.", "A name is one line of text.")
        return " ".join(value.split())

    def handles(self) -> list[Handle]:
        """Return what is claimed, in one spelling; 422 naming each that is wrong."""
        given = {Kind.NIK: self.nik, Kind.EMAIL: self.email, Kind.PHONE: self.phone}
        found, errors = [], []
        for kind, text in given.items():
            if text is None:
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
    device: str | None = Field(default=None, max_length=200)


class Refresh(Body):
    """A refresh token to be exchanged, or at logout, to be ended."""

    refresh_token: str = Field(min_length=1, max_length=512)


class Renaming(Body):
    """A device's new name."""

    device: str = Field(min_length=1, max_length=MAX_DEVICE_CHARACTERS)


class Claiming(Body):
    """One more identifier for the account."""

    kind: Literal["nik", "email", "phone"]
    value: Typed
    password: Password


class Confirmation(Body):
    """The account's password, for what must not be done by whoever finds the phone."""

    password: Password


class CodeTyped(Body):
    """The code that came."""

    code_id: str = Field(min_length=1, max_length=32)
    code: str = Field(pattern=r"^[0-9]{6}$")


class Matching(Body):
    """What the population register is asked to compare, beside the account's NIK."""

    name: Name
    birth_date: date
    family_card: str = Field(pattern=r"^[0-9]{16}$")


class PasswordChange(Body):
    """The old password and the new one."""

    current_password: Password
    new_password: Password


class RecoveryRequest(Body):
    """Whose account is to be recovered."""

    identifier: Typed


class RecoveryCompletion(Body):
    """The code that came, and the new password."""

    code: str = Field(pattern=r"^[0-9]{6}$")
    new_password: Password


class CounterCase(Body):
    """What an officer types at the counter after seeing the person and the identity card."""

    nik: Typed
    contact: Typed
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
