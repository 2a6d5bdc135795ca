"""What people sign in with: NIK, e-mail address or phone number, in one spelling each, and how they are shown."""

import re
from dataclasses import dataclass
from enum import StrEnum

from services.kit.indonesia import check_nik, mask_nik, normalise_phone
from services.kit.problem import Refused

MAX_IDENTIFIER_CHARACTERS = 254  # the longest address SMTP can carry (RFC 5321 section 4.5.3.1.3)

# Loose on purpose: whether an address exists is shown by a code that arrives, not by its form.
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f<>,;:\"\\()\[\]]{1,64}@[^\s@\x00-\x1f\x7f]{1,189}")


class Kind(StrEnum):
    """What an identifier is. The last two are contacts: a code can be sent there."""

    NIK = "nik"
    EMAIL = "email"
    PHONE = "phone"

    @property
    def is_contact(self) -> bool:
        return self is not Kind.NIK


@dataclass(frozen=True, slots=True)
class Handle:
    """An identifier in its one spelling. Its repr hides the value, for it may end in a traceback."""

    kind: Kind
    value: str

    def __repr__(self) -> str:
        return f"Handle({self.kind.value}, …)"


def normalise(kind: Kind, text: str) -> Handle:
    """Return the identifier in its one spelling, or raise Refused saying what is wrong."""
    match kind:
        case Kind.NIK:
            return Handle(kind, check_nik(text.strip()))
        case Kind.EMAIL:
            return Handle(kind, _email(text))
        case Kind.PHONE:
            return Handle(kind, normalise_phone(text.strip()))


def recognise(text: str) -> Handle:
    """Tell by its look what somebody typed to sign in, or raise Refused."""
    if "@" in text:
        return normalise(Kind.EMAIL, text)
    digits = re.sub(r"[ .()-]", "", text.strip())
    # A phone number has at most 14 digits, a NIK 16 and never starts with 0 or 62 followed by 8.
    if re.fullmatch(r"[0-9]{15,}", digits) and not digits.startswith("0"):
        return normalise(Kind.NIK, text)
    if re.fullmatch(r"\+?[0-9]+", digits):
        return normalise(Kind.PHONE, text)
    raise Refused("Isi dengan NIK, e-mail, atau nomor telepon.", "Give a NIK, an e-mail address or a phone number.")


def mask(handle: Handle) -> str:
    """Show only enough for the owner to recognise it."""
    match handle.kind:
        case Kind.NIK:
            return mask_nik(handle.value)
        case Kind.EMAIL:
            name, _, domain = handle.value.rpartition("@")
            return f"{name[0]}•••@{domain}"
        case Kind.PHONE:
            return f"{handle.value[:5]}••••{handle.value[-3:]}"


def _email(text: str) -> str:
    # Nobody's mailbox differs by case in practice, but phones capitalise the first letter.
    address = text.strip().lower()
    if not (len(address) <= MAX_IDENTIFIER_CHARACTERS and _EMAIL.fullmatch(address)):
        raise Refused("Alamat e-mail tidak sah.", "This is no e-mail address.")
    return address
