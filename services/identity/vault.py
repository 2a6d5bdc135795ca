"""The service's own secret, and what is made with it: look-up hashes, salts, sealed texts.

One root secret lies in a file beside the signing keys, never in the database, so that neither alone tells anything
about a citizen. Whoever loses the file loses every sign-in: back it up apart from the database.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_ROOT_BYTES = 32
_NONCE_BYTES = 12  # what AES-GCM takes
_SALT_BYTES = 16  # RFC 9106 section 3.1 recommends 16


class Vault:
    """Makes and opens what is kept. Each purpose has a key of its own (RFC 5869), derived from the root."""

    def __init__(self, root: bytes) -> None:
        if len(root) != _ROOT_BYTES:
            raise ValueError(f"the root secret must have {_ROOT_BYTES} bytes")
        self._root = root
        self._seal = AESGCM(self._derive("seal"))

    def mac(self, purpose: str, *parts: str) -> str:
        """Return a keyed hash in hex; the same parts give unrelated hashes for two purposes."""
        # Lengths in front keep ("ab", "c") apart from ("a", "bc").
        message = b"".join(b"%d:%b" % (len(part.encode()), part.encode()) for part in parts)
        return hmac.digest(self._derive(purpose), message, hashlib.sha256).hex()

    def salt(self, kind: str, value: str) -> bytes:
        """Return the password salt of one NIK, address or phone; who lacks the root cannot compute ahead."""
        return bytes.fromhex(self.mac("salt", kind, value))[:_SALT_BYTES]

    def seal(self, text: str, *, owner: str) -> bytes:
        """Encrypt a text that only makes sense beside `owner`: moved to another row it does not open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._seal.encrypt(nonce, text.encode(), owner.encode())

    def unseal(self, sealed: bytes, *, owner: str) -> str:
        """Decrypt; raise ValueError when it was sealed by another root or for another owner."""
        try:
            plain = self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode())
        except InvalidTag:
            raise ValueError("sealed with another root secret, or for another row") from None
        return plain.decode()

    def _derive(self, purpose: str) -> bytes:
        return HKDFExpand(hashes.SHA256(), _ROOT_BYTES, f"identity/{purpose}".encode()).derive(self._root)


def open_vault(folder: Path) -> Vault:
    """Open the vault of this folder; at first start make its secret, once even if two processes start."""
    path = folder / "root.secret"
    if not path.exists():
        create_private(path, secrets.token_hex(_ROOT_BYTES).encode())
    return Vault(bytes.fromhex(path.read_text(encoding="ascii").strip()))


def create_private(path: Path, content: bytes) -> None:
    """Create a file only its owner can read, whole or not at all; who comes second leaves the first one's."""
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def replace_private(path: Path, content: bytes) -> None:
    """Put a new content in the file's place, whole or not at all."""
    _draft(path, content).replace(path)
    _sync_folder(path.parent)


def _draft(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
