"""Passwords: what may be one, and Argon2id (RFC 9106) off the event loop with a waiting room of known size.

A password's salt is a keyed hash of the identifier it is typed beside. So one computation answers for any number of
accounts that claim the same identifier, and for none: known and unknown people cost exactly the same work.
"""

import os
import unicodedata
from dataclasses import dataclass

import anyio
from argon2.low_level import Type, hash_secret_raw

from services.identity.policy import Policy
from services.identity.vault import Vault
from services.kit.database import in_thread
from services.kit.problem import Problem, Refused, Text

MAX_PASSWORD_CHARACTERS = 256

_HASH_BYTES = 32
# What everybody tries first. NIST SP 800-63B-4 asks for a list of the commonest ones.
TOO_COMMON = frozenset(
    [
        *("12345678", "123456789", "1234567890", "87654321", "password", "password1", "qwerty123", "qwertyuiop"),
        *("11111111", "00000000", "indonesia", "tangerang", "katasandi", "rahasia1", "bismillah", "sayangku"),
    ]
)


def check_password(password: str, policy: Policy) -> str:
    """Return the password in its one spelling (NFC), or raise Refused. Any characters are welcome."""
    spelled = unicodedata.normalize("NFC", password)
    if len(spelled) < policy.password_min_characters:
        least = policy.password_min_characters
        raise Refused(f"Kata sandi minimal {least} karakter.", f"A password has at least {least} characters.")
    if spelled.lower() in TOO_COMMON or len(set(spelled)) == 1:
        raise Refused("Kata sandi ini terlalu mudah ditebak.", "This password is guessed too easily.")
    return spelled


@dataclass(slots=True)
class _Load:
    waiting: int = 0


class HashingRoom:
    """Runs Argon2id in as many threads as there are cores; a bounded number waits, the rest is told to come back."""

    def __init__(self, policy: Policy, vault: Vault) -> None:
        self._memory_kib = policy.argon2_memory_kib
        self._passes = policy.argon2_passes
        self._capacity = policy.hashing_waiting_room
        self._vault = vault
        self._threads = anyio.CapacityLimiter(max(1, os.cpu_count() or 1))
        self._load = _Load()

    @property
    def waiting(self) -> int:
        """How many computations are under way or waiting."""
        return self._load.waiting

    async def verifier(self, password: str, kind: str, value: str) -> str:
        """Return what is stored for this password beside this identifier; 503 when the room is full."""
        if self._load.waiting >= self._capacity:
            raise _room_full()
        self._load.waiting += 1
        try:
            return await in_thread(self.verifier_now, password, kind, value, limiter=self._threads)
        finally:
            self._load.waiting -= 1

    def verifier_now(self, password: str, kind: str, value: str) -> str:
        """Compute the same in the calling thread: for commands."""
        raw = hash_secret_raw(
            unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass"),
            self._vault.salt(kind, value),
            time_cost=self._passes,
            memory_cost=self._memory_kib,
            parallelism=1,  # requests are parallel already
            hash_len=_HASH_BYTES,
            type=Type.ID,
        )
        # Keyed once more, so that the database without the root secret gives nothing to guess against.
        return self._vault.mac("verifier", raw.hex())


def _room_full() -> Problem:
    return Problem(
        503,
        "sign-in-busy",
        Text("Sedang banyak yang masuk", "Many people are signing in"),
        Text(
            "Banyak warga sedang masuk bersamaan. Akun Anda aman; coba lagi dalam 3 detik.",
            "Many people are signing in at once. Your account is safe; try again in 3 seconds.",
        ),
        headers={"Retry-After": "3"},
    )
