"""Indonesian formats: NIK, phone numbers, names and rupiah. Checks reject nonsense, never an odd honest value."""

import re

from services.kit.problem import Refused

# Kemendagri province codes. 54 was Timor Timur: people first registered there keep their number for life.
_PROVINCES = frozenset(
    [*range(11, 20), 21, *range(31, 37), *range(51, 55), *range(61, 66), *range(71, 77), 81, 82, *range(91, 98)]
)
_PHONE = re.compile(r"\+628[1-9]\d{6,10}")


def check_nik(text: str) -> str:
    """Return the NIK as 16 digits, or raise Refused. Its district is where one was first registered, so any."""
    digits = re.sub(r"[ .-]", "", text)
    if not re.fullmatch(r"[0-9]{16}", digits):
        raise Refused("NIK harus 16 angka.", "A NIK has 16 digits.")
    day, month = int(digits[6:8]), int(digits[8:10])
    birth_day = day - 40 if day > 40 else day  # women's birth day is written plus 40
    is_plausible = int(digits[:2]) in _PROVINCES and 1 <= birth_day <= 31 and 1 <= month <= 12 and digits[12:] != "0000"
    if not is_plausible:
        raise Refused("NIK tidak dikenali. Periksa kembali angkanya.", "This is no NIK. Check the digits.")
    return digits


def mask_nik(nik: str) -> str:
    """Show only enough of a NIK for its owner to recognise it."""
    return f"{nik[:4]}••••••••{nik[-4:]}"


def mask_name(name: str) -> str:
    """Show a name's initials only: `B*** S******`."""
    return " ".join(word[0] + "*" * (len(word) - 1) for word in name.split())


def normalise_phone(text: str) -> str:
    """Return a mobile number as E.164 (`+628…`) from `08…`, `62…` or `+62…`, or raise Refused."""
    compact = re.sub(r"[ ().-]", "", text)
    number = re.sub(r"^(?:\+?62|0)", "+62", compact)
    # `[0-9]` inside \d would also match other scripts' digits; ASCII is checked first.
    if not (number.isascii() and _PHONE.fullmatch(number)):
        raise Refused("Nomor telepon seluler tidak sah. Contoh: 0812-3456-7890.", "Not a valid mobile number.")
    return number


def rupiah(amount: int) -> str:
    """Write an amount as `Rp1.250.000`."""
    sign = "-" if amount < 0 else ""
    return f"{sign}Rp{abs(amount):,}".replace(",", ".")
