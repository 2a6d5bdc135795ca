"""Who reported is known by a keyed hash alone, and only the vault table holds it.

The key lies in a file beside the photos, never in the database, so neither alone tells whose report is whose. Whoever
loses the file cuts every signed-in citizen off from their reports: back it up apart from the database.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

_KEY_BYTES = 32


class Vault:
    """Turns callers into keyed hashes; there is no way back."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError(f"the vault's key must have {_KEY_BYTES} bytes")
        self._key = key

    def person(self, subject: str) -> str:
        """Return what stands for a citizen in the vault table."""
        return self._mac("person", subject)

    def officer(self, subject: str) -> str:
        """Return what stands for an officer in events: unrelated to what stands for the same human as citizen."""
        return self._mac("officer", subject)

    def _mac(self, purpose: str, subject: str) -> str:
        return hmac.digest(self._key, f"{purpose}\n{subject}".encode(), hashlib.sha256).hex()


def open_vault(folder: Path) -> Vault:
    """Open the vault of this folder; at first start make its key, once even if two processes start."""
    path = folder / "vault.key"
    if not path.exists():
        create_private(path, secrets.token_hex(_KEY_BYTES).encode())
    return Vault(bytes.fromhex(path.read_text(encoding="ascii").strip()))


def create_private(path: Path, content: bytes) -> None:
    """Create a file only its owner can read, whole or not at all; who comes second leaves the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
