"""Ticket numbers and their secrets: both random, read over the phone without mistakes.

A ticket is public and tells nothing. Its secret is what an anonymous reporter shows instead of an account; only its
hash is kept (it is too long to be guessed, so a plain hash suffices).
"""

import hashlib
import hmac
import re
import secrets

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is misheard or misread
_TICKET = re.compile(rf"LKS-[{_ALPHABET}]{{5}}-[{_ALPHABET}]{{5}}")
_GROUP = 5
_TICKET_GROUPS = 2
_SECRET_GROUPS = 5  # 25 characters of 31: 123 bits

TICKET_PATTERN = f"^{_TICKET.pattern}$"
SECRET_PATTERN = "^" + "-".join([rf"[{_ALPHABET}]{{{_GROUP}}}"] * _SECRET_GROUPS) + "$"


def new_ticket() -> str:
    """Draw a ticket number: `LKS-7K2MF-9QX4T`."""
    return f"LKS-{_groups(_TICKET_GROUPS)}"


def new_secret() -> str:
    """Draw a ticket's secret."""
    return _groups(_SECRET_GROUPS)


def normalise_ticket(text: str) -> str | None:
    """Return the ticket as stored, whatever case it was typed in; None when it cannot be one."""
    ticket = text.strip().upper()
    return ticket if _TICKET.fullmatch(ticket) else None


def hash_secret(secret: str) -> str:
    """Return what is stored of a secret; case and dashes do not matter."""
    return hashlib.sha256(re.sub(r"[\s-]", "", secret).upper().encode()).hexdigest()


def is_secret_of(secret: str, stored_hash: str) -> bool:
    """Tell whether this is the secret, in the same time for every wrong one."""
    return hmac.compare_digest(hash_secret(secret), stored_hash)


def _groups(count: int) -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(count))
