"""Messages are written in the transaction of what they tell and sent afterwards, so that none is lost or made up.

Requests never wait for a relay: an answer takes the same time whether or not somebody is written to. Each message is
sent at least once; it is reserved for a while before it is sent, so that two processes rarely send it twice.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from structlog.typing import FilteringBoundLogger

from services.identity.accounts import Means
from services.identity.identifiers import Handle, Kind
from services.identity.senders import DeliveryFailed, Sender
from services.identity.tables import Message
from services.kit.database import Database
from services.kit.problem import Problem

CHANNELS: Mapping[Kind, str] = {Kind.EMAIL: "email", Kind.PHONE: "sms"}

_DECOY = "none"
_BATCH = 20
_RESERVED = timedelta(seconds=30)  # longer than any sender takes
_LOOK_SECONDS = 1.0
_MOST_PAUSE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class _Letter:
    id: str
    channel: str
    recipient: str
    text: str
    tries: int


def write_message(session: Session, means: Means, to: Handle, text: str, *, lives: timedelta) -> None:
    """Put a message in the post, within the transaction of what it tells."""
    _write(session, means, CHANNELS[to.kind], to.value, text, lives)


def write_decoy(session: Session, means: Means, *, lives: timedelta) -> None:
    """Do the work of writing a message to nobody, for an unknown person costs as much as a known one."""
    _write(session, means, _DECOY, "+620000000000", "." * 120, lives)


def _write(session: Session, means: Means, channel: str, recipient: str, text: str, lives: timedelta) -> None:
    message = Message(id=secrets.token_urlsafe(12), channel=channel, tries=0, next_try_at=means.now())
    message.expires_at = means.now() + lives
    message.sealed_recipient = means.vault.seal(recipient, owner=message.id)
    message.sealed_text = means.vault.seal(text, owner=message.id)
    session.add(message)


class Postman:
    """Sends what is in the post while `running`; `nudge` makes it look at once."""

    def __init__(
        self, database: Database, means: Means, senders: Mapping[str, Sender], log: FilteringBoundLogger
    ) -> None:
        self._database = database
        self._means = means
        self._senders = senders
        self._log = log
        self._wake = asyncio.Event()
        self._is_ending = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while inside; what is not out by the end stays in the post."""
        rounds = asyncio.create_task(self._go_round(), name="postman")
        try:
            yield
        finally:
            # Not cancelled: a thread that still writes would outlive the database. One delivery is bounded.
            self._is_ending = True
            self._wake.set()
            await rounds
            for sender in self._senders.values():
                await sender.close()

    def nudge(self) -> None:
        """Tell that something was put in the post."""
        self._wake.set()

    async def deliver_due(self) -> int:
        """Send what is due; return how many were tried."""
        letters = await self._database.write(self._reserve)
        for letter in letters:
            if self._is_ending:
                break  # reserved for a moment only: whoever runs next sends it
            is_out = await self._deliver(letter)
            await self._database.write(partial(self._settle, letter=letter, is_out=is_out))
        return len(letters)

    async def _go_round(self) -> None:
        while not self._is_ending:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            # A database that is away for a moment must not end the rounds.
            with suppress(Problem):
                while not self._is_ending and await self._database.read(self._has_due):
                    await self.deliver_due()

    async def _deliver(self, letter: _Letter) -> bool:
        sender = self._senders.get(letter.channel)
        if sender is None:
            return True  # a decoy
        try:
            await sender.send(letter.recipient, letter.text)
        except DeliveryFailed as exc:
            self._log.warning("message not sent", channel=letter.channel, tries=letter.tries, reason=str(exc))
            return False
        return True

    def _has_due(self, session: Session) -> bool:
        return (
            session.scalars(select(Message.id).where(Message.next_try_at <= self._means.now()).limit(1)).first()
            is not None
        )

    def _reserve(self, session: Session) -> Sequence[_Letter]:
        now = self._means.now()
        session.execute(delete(Message).where(Message.expires_at <= now))
        due = select(Message).where(Message.next_try_at <= now).order_by(Message.next_try_at).limit(_BATCH)
        letters = []
        for row in session.scalars(due).all():
            row.tries += 1
            row.next_try_at = now + _RESERVED
            recipient = self._means.vault.unseal(row.sealed_recipient, owner=row.id)
            text = self._means.vault.unseal(row.sealed_text, owner=row.id)
            letters.append(_Letter(row.id, row.channel, recipient, text, row.tries))
        return letters

    def _settle(self, session: Session, letter: _Letter, is_out: bool) -> None:
        row = session.get(Message, letter.id)
        if row is None:
            return
        if is_out:
            session.delete(row)
        else:
            pause = min(_MOST_PAUSE_SECONDS, 2**letter.tries)
            row.next_try_at = self._means.now() + timedelta(seconds=pause)
