"""Creations that a phone on bad signal may send twice and that happen once (`Idempotency-Key`).

The answer is stored in the transaction of the write itself, so either both are in the database or neither.
It is stored sealed with a key derived from the Idempotency-Key, which itself is kept only as a hash: whoever
reads the table learns neither who asked nor what was answered.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, delete, insert, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from services.kit.clock import Now, utc_now
from services.kit.database import Database, UtcDateTime
from services.kit.etag import json_response
from services.kit.problem import Problem, Text, bad_request
from services.kit.sweeping import Leftovers

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer that can be stored and given again, byte for byte."""

    status: int
    body: Mapping[str, Any]  # Any: JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        return json_response(self.body, self.status, self.headers)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that asks to be done once: where its answer is kept, what it said, how it is sealed."""

    slot: str
    fingerprint: str
    seal: bytes


def attempt_of(request: Request, body: bytes, *, caller: str | None) -> Attempt | None:
    """Read the request's `Idempotency-Key`; None when it sent none.

    `caller` keeps one citizen's keys apart from another's. Anonymous callers share a space, where only a
    request with the same key and the same body gets the stored answer.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise bad_request(
            "bad-idempotency-key",
            "Idempotency-Key harus 1 sampai 255 karakter tanpa spasi.",
            "Idempotency-Key must be 1 to 255 characters without spaces.",
        )
    secret = f"{caller or ''}\n{key}".encode()
    told = b"\n".join([request.method.encode(), request.url.path.encode(), body])
    return Attempt(
        slot=hashlib.sha256(b"slot\n" + secret).hexdigest(),
        fingerprint=hashlib.sha256(b"told\n" + secret + b"\n" + told).hexdigest(),
        seal=hashlib.sha256(b"seal\n" + secret).digest(),
    )


def idempotency_table(metadata: MetaData) -> Table:
    """Declare the table in a service's own schema (its migration creates the same columns)."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("slot", String(64), primary_key=True),
        Column("fingerprint", String(64), nullable=False),
        Column("sealed_answer", LargeBinary, nullable=False),
        Column("created_at", UtcDateTime, nullable=False, index=True),
    )


class OnceOnly:
    """Runs creations so that an Idempotency-Key makes them happen once."""

    def __init__(self, table: Table, *, now: Now = utc_now, kept_for: timedelta = timedelta(hours=24)) -> None:
        self._table = table
        self._now = now
        self._kept_for = kept_for
        self._under_way: set[str] = set()

    @property
    def leftovers(self) -> Leftovers:
        """The records that are too old to count, for `build_app` to have deleted."""
        return Leftovers(self._table, key="slot", since="created_at", kept_for=self._kept_for, now=self._now)

    async def write(
        self,
        database: Database,
        attempt: Attempt | None,
        act: Callable[[Session], Answer],
        *,
        wait: bool = False,
        on_snapshot: bool = False,
    ) -> Answer:
        """Run `act` in one transaction with the record of its answer, or give the earlier answer again.

        A second request while the first is under way is a 409, or with `wait` queues for its answer (an
        emergency must never be told to come back later). When `act` raises, nothing is recorded.
        `on_snapshot` is as in `Database.write`: the record itself needs no more, for its key is unique.
        """
        if attempt is None:
            return await database.write(act, on_snapshot=on_snapshot)
        if attempt.slot in self._under_way and not wait:
            raise _under_way()
        self._under_way.add(attempt.slot)
        try:
            return await database.write(lambda session: self.once(session, attempt, act), on_snapshot=on_snapshot)
        finally:
            self._under_way.discard(attempt.slot)

    def once(self, session: Session, attempt: Attempt, act: Callable[[Session], Answer]) -> Answer:
        """Do the same inside a transaction the caller already has."""
        now, table = self._now(), self._table
        stored = session.execute(select(table).where(table.c.slot == attempt.slot)).one_or_none()
        if stored is not None and stored.created_at < now - self._kept_for:
            # Too old to count, and not swept away yet.
            session.execute(delete(table).where(table.c.slot == attempt.slot))
            stored = None
        if stored is not None:
            if stored.fingerprint != attempt.fingerprint:
                raise _key_reused()
            return _unseal(stored.sealed_answer, attempt.seal)
        answer = act(session)
        session.execute(
            insert(table).values(
                slot=attempt.slot,
                fingerprint=attempt.fingerprint,
                sealed_answer=_seal(answer, attempt.seal),
                created_at=now,
            )
        )
        return answer


def _seal(answer: Answer, key: bytes) -> bytes:
    plain = json.dumps([answer.status, answer.body, dict(answer.headers)]).encode()
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, None)


def _unseal(sealed: bytes, key: bytes) -> Answer:
    status, body, headers = json.loads(AESGCM(key).decrypt(sealed[:12], sealed[12:], None))
    return Answer(status, body, {**headers, "Idempotency-Replayed": "true"})


def _under_way() -> Problem:
    return Problem(
        409,
        "request-under-way",
        Text("Permintaan yang sama sedang diproses", "The same request is under way"),
        Text("Tunggu sebentar, lalu kirim lagi dengan kunci yang sama.", "Wait, then send the same key again."),
        headers={"Retry-After": "1"},
    )


def _key_reused() -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        Text("Idempotency-Key sudah dipakai", "Idempotency-Key already used"),
        Text(
            "Kunci ini sudah dipakai untuk isi yang lain. Pakai kunci baru.",
            "This key was used for a different request. Use a new key.",
        ),
    )
