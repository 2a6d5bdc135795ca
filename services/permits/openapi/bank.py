"""The bank's paths."""

from services.kit import openapi as doc
from services.kit.openapi import Json, ref
from services.permits.bank_signature import CALLBACK_PATH, HEADER, INQUIRY_PATH
from services.permits.openapi.examples import BILLING_CODE

_SIGNED: list[Json] = [{"bank": []}]


def bank_paths() -> Json:
    signature = doc.parameter(HEADER, "header", {"type": "string"}, "`t=<unix time>,v1=<hex HMAC-SHA256>`")
    bill = {
        "billing_code": BILLING_CODE,
        "amount": 1_500_000,
        "description": "Retribusi PBG",
        "payable": True,
        "pay_before": "2026-12-24T15:00:00+07:00",
    }
    notice = {
        "payment_id": "bayar-0001",
        "billing_code": BILLING_CODE,
        "amount": 1_500_000,
        "paid_at": "2026-11-24T14:00:00+07:00",
    }
    return {
        INQUIRY_PATH: {
            "post": doc.operation(
                "inquireBill",
                "A bank asks what a billing code costs",
                responses={
                    "200": doc.json_answer("The bill", ref("Bill"), bill),
                    **doc.problems(400, 401, 404, 413, 415, 422),
                },
                security=_SIGNED,
                parameters=[signature],
                body=doc.json_body(ref("Inquiry"), {"billing_code": BILLING_CODE}),
                tags=["bank"],
            )
        },
        CALLBACK_PATH: {
            "post": doc.operation(
                "tellPayment",
                "A bank tells of a payment, as often as it needs to",
                responses={
                    "200": doc.json_answer(
                        "Recorded", ref("PaymentOutcome"), {"payment_id": "bayar-0001", "outcome": "accepted"}
                    ),
                    **doc.problems(400, 401, 404, 409, 413, 415, 422),
                },
                security=_SIGNED,
                parameters=[signature],
                body=doc.json_body(ref("PaymentNotice"), notice),
                tags=["bank"],
            )
        },
    }
