"""The payment port: a bank asks what a billing code costs, and tells what was paid, each by a signed message.

The bank's word is believed by its signature alone (`bank_signature`), never by where it comes from. Money is never
dropped: what was not due is recorded as a surplus to give back, and telling the same payment twice counts once.
"""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit.clock import iso
from services.kit.etag import json_response
from services.kit.inputs import parse_json, read_json_bytes
from services.kit.problem import FieldError, Problem, Text, conflict, not_found, unprocessable
from services.permits.bank_signature import CALLBACK_PATH, HEADER, INQUIRY_PATH, is_genuine
from services.permits.case import Order, expires_at
from services.permits.machine import EventKind, State
from services.permits.office import Office
from services.permits.store import Opened, is_billing_code, open_case, record
from services.permits.tables import Application, Payment

ACCEPTED, TO_CHECK, SURPLUS = "accepted", "to_check", "surplus"

_BANK, _SYSTEM = "bank", "system"


class Inquiry(BaseModel):
    """A bank asks what is to be paid."""

    model_config = ConfigDict(extra="forbid")
    billing_code: str = Field(max_length=15)


class PaymentNotice(BaseModel):
    """A bank tells that money was paid; `payment_id` is its own and names this payment for ever."""

    model_config = ConfigDict(extra="forbid")
    payment_id: str = Field(pattern=r"^[A-Za-z0-9-]{8,64}$")
    billing_code: str = Field(max_length=15)
    amount: int = Field(ge=1, le=10**12)
    paid_at: AwareDatetime


class Payments:
    """Endpoints for the bank."""

    def __init__(self, office: Office, bank_secret: bytes) -> None:
        self._office = office
        self._secret = bank_secret

    def routes(self) -> list[Route]:
        return [
            Route(INQUIRY_PATH, self.inquire, methods=["POST"]),
            Route(CALLBACK_PATH, self.be_told, methods=["POST"]),
        ]

    async def inquire(self, request: Request) -> Response:
        """Say what a billing code costs and until when it can be paid; nothing about whose it is."""
        wanted = parse_json(await self._signed_body(request), Inquiry)

        def read(session: Session) -> dict[str, Any]:
            opened, order = _find(session, wanted.billing_code)
            case = opened.case
            payable = case.state is State.MENUNGGU_BAYAR
            until = expires_at(case, self._office.catalogue.deadlines) if payable else None
            return {
                "billing_code": order.billing_code,
                "amount": order.amount,
                "description": f"Retribusi {self._office.kind(opened.row.kind).name.id}",
                "payable": payable,
                "pay_before": iso(until) if until else None,
            }

        return json_response(await self._office.database.read(read), headers={"Cache-Control": "no-store"})

    async def be_told(self, request: Request) -> Response:
        """Record a payment; the bank repeats its message until it reads a 200."""
        notice = parse_json(await self._signed_body(request), PaymentNotice)
        now = self._office.now()
        outcome = await self._office.database.write(lambda session: _settle(session, notice, now))
        body = {"payment_id": notice.payment_id, "outcome": outcome}
        return json_response(body, headers={"Cache-Control": "no-store"})

    async def _signed_body(self, request: Request) -> bytes:
        body = await read_json_bytes(request)
        signature = request.headers.get(HEADER, "")
        if not is_genuine(self._secret, signature, body, now=self._office.now()):
            raise Problem(
                401,
                "bad-bank-signature",
                Text("Tanda tangan bank tidak sah", "The bank's signature is not valid"),
                headers={"WWW-Authenticate": HEADER},
            )
        return body


def _settle(session: Session, notice: PaymentNotice, now: datetime) -> str:
    opened, order = _find(session, notice.billing_code, to_change=True)
    told = session.get(Payment, notice.payment_id)
    if told is not None:
        if (told.application_id, told.amount) != (opened.row.id, notice.amount):
            raise conflict(
                "payment-told-differently",
                "Pembayaran ini pernah diberitahukan dengan isi lain.",
                "This payment was told before with other content.",
            )
        return told.outcome
    outcome = _record(session, opened, order, notice, now)
    session.add(
        Payment(
            payment_id=notice.payment_id,
            application_id=opened.row.id,
            amount=notice.amount,
            paid_at=notice.paid_at,
            received_at=now,
            outcome=outcome,
        )
    )
    return outcome


def _record(session: Session, opened: Opened, order: Order, notice: PaymentNotice, now: datetime) -> str:
    detail = {"payment_id": notice.payment_id, "amount": notice.amount}
    if opened.case.state is not State.MENUNGGU_BAYAR:
        record(session, opened, EventKind.PAYMENT_SURPLUS, at=now, actor=_BANK, detail=detail)
        return SURPLUS
    paid = record(session, opened, EventKind.PAID, at=now, actor=_BANK, detail=detail)
    if notice.amount != order.amount:
        return TO_CHECK
    record(session, paid, EventKind.PAYMENT_CONFIRMED, at=now, actor=_SYSTEM)
    return ACCEPTED


def _find(session: Session, billing_code: str, *, to_change: bool = False) -> tuple[Opened, Order]:
    if not is_billing_code(billing_code):
        text = Text("Kode bayar harus 15 angka; periksa kembali.", "A billing code has 15 digits; check them.")
        raise unprocessable(FieldError("billing_code", text))
    found = session.scalar(select(Application.id).where(Application.billing_code == billing_code))
    opened = open_case(session, found, to_change=to_change) if found else None
    if opened is None or opened.case.order is None:
        raise not_found("Kode bayar tidak dikenal.", "There is no such billing code.")
    return opened, opened.case.order
