"""Where a bank sends its messages, and how it signs them: HMAC-SHA256 over time and body with a shared secret.

The time is signed too, so that a message caught on the way is worthless minutes later.
"""

import hashlib
import hmac
import os
import re
import secrets
from datetime import datetime
from pathlib import Path

HEADER = "Bank-Signature"
INQUIRY_PATH, CALLBACK_PATH = "/payments/inquiry", "/payments/callback"

_FORM = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")
_MAX_AGE_SECONDS = 300  # retries sign anew; this covers slow networks and clocks that differ


def sign(secret: bytes, body: bytes, *, now: datetime) -> str:
    """Return the value of the signature header for this body."""
    stamp = int(now.timestamp())
    return f"t={stamp},v1={_digest(secret, stamp, body)}"


def is_genuine(secret: bytes, signature: str, body: bytes, *, now: datetime) -> bool:
    """Tell whether the bank signed this body lately."""
    found = _FORM.fullmatch(signature)
    if found is None:
        return False
    stamp = int(found[1])
    is_fresh = abs(now.timestamp() - stamp) <= _MAX_AGE_SECONDS
    return hmac.compare_digest(found[2], _digest(secret, stamp, body)) and is_fresh


def _digest(secret: bytes, stamp: int, body: bytes) -> str:
    return hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def open_secret(path: Path) -> bytes:
    """Return the secret in this file, made now if there is none; only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and linked into place, so that nobody ever reads half a secret and the first one stays.
    if not path.exists():
        aside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    secret = path.read_text().strip().encode()
    if len(secret) < 32:
        raise ValueError(f"the bank's secret in {path} is too short: at least 32 characters")
    return secret
