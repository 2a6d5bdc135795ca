"""How a message leaves the house: to the console, by SMTP, or by an SMS provider's HTTP interface.

Which one is chosen by a URL for each channel. A sender either delivers or raises DeliveryFailed; when to try again is
the postman's business.
"""

import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import httpx

from services.identity.identifiers import mask, recognise
from services.kit.database import in_thread

_SECONDS = 10.0
_SUBJECT = "Tangerang LIVE"


class DeliveryFailed(Exception):
    """The message is not out; trying again later may help. The text names no recipient."""


class Sender(Protocol):
    """Delivers one text to one recipient."""

    async def send(self, recipient: str, text: str) -> None:
        """Deliver, or raise DeliveryFailed."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class ConsoleSender:
    """Prints messages on standard output: for trying things out, never for a city.

    The recipient is masked all the same, for standard output is often a log.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel

    async def send(self, recipient: str, text: str) -> None:
        print(f"[{self._channel}] {mask(recognise(recipient))}: {text}", flush=True)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """Delivers e-mail through a relay: `smtp://host:25`, `smtp+starttls://user:password@host`, `smtps://…`."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    sender: str

    async def send(self, recipient: str, text: str) -> None:
        await in_thread(self._send, recipient, text)

    async def close(self) -> None:
        """Every message has its own connection."""

    def _send(self, recipient: str, text: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, recipient, _SUBJECT
        message.set_content(text)
        connect = smtplib.SMTP_SSL if self.scheme == "smtps" else smtplib.SMTP
        try:
            with connect(self.host, self.port, timeout=_SECONDS) as relay:
                if self.scheme == "smtp+starttls":
                    relay.starttls()
                if self.user is not None:
                    relay.login(self.user, self.password or "")
                relay.send_message(message)
        except (OSError, smtplib.SMTPException, UnicodeError) as exc:
            raise DeliveryFailed(f"the mail relay refused: {type(exc).__name__}") from None


class HttpSender:
    """Delivers SMS by `POST {"to": "+628…", "text": "…"}` with a bearer token, as most providers take it."""

    def __init__(self, url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self._client = httpx.AsyncClient(headers=headers, timeout=_SECONDS, trust_env=False, transport=transport)

    async def send(self, recipient: str, text: str) -> None:
        try:
            answer = await self._client.post(self._url, json={"to": recipient, "text": text})
        except httpx.HTTPError as exc:
            raise DeliveryFailed(f"the SMS provider did not answer: {type(exc).__name__}") from None
        if not answer.is_success:
            raise DeliveryFailed(f"the SMS provider answered {answer.status_code}")

    async def close(self) -> None:
        await self._client.aclose()


def open_sender(channel: str, url: str, *, mail_from: str, token: str) -> Sender:
    """Open the sender a URL names; raise ValueError saying what is possible."""
    parts = urlsplit(url)
    if parts.scheme == "console":
        return ConsoleSender(channel)
    if channel == "email" and parts.scheme in ("smtp", "smtps", "smtp+starttls") and parts.hostname:
        return _smtp(parts, mail_from)
    if channel == "sms" and parts.scheme in ("http", "https") and parts.hostname:
        return HttpSender(url, token)
    able = "smtp:, smtps:, smtp+starttls:" if channel == "email" else "http:, https:"
    raise ValueError(f"cannot send {channel} by {parts.scheme or url!r}; use console:, {able}")


def _smtp(parts: SplitResult, mail_from: str) -> SmtpSender:
    usual = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}[parts.scheme]
    sender = parse_qs(parts.query).get("from", [mail_from])[0]
    user, password = (unquote(text) if text else None for text in (parts.username, parts.password))
    return SmtpSender(parts.scheme, parts.hostname or "", parts.port or usual, user, password, sender)
