"""Money: only the bank's signature is believed, each payment counts once, none is ever dropped."""

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from services.kit.database import Database, open_engine
from services.kit.testing import client_of, problem_code
from services.permits.bank import Bank, Transfer, make_bank
from services.permits.bank_signature import HEADER, open_secret, sign
from services.permits.store import is_billing_code, new_billing_code
from services.permits.tables import Payment
from services.permits.tests.conftest import City


async def ordered(city: City) -> tuple[str, dict[str, Any]]:
    """Bring an application to where it awaits payment; return its id and the order."""
    application_id = await city.citizen.submitted("pbg-prototipe")
    desk = f"/desk/applications/{application_id}"
    await city.officer().post("/desk/next")
    await city.officer().post(f"{desk}/accept")
    await city.officer("PERKIM", "p-1").post(f"{desk}/assess")
    answer = await city.officer().post(f"{desk}/levy", json={})
    return application_id, answer.json()["payment"]


async def tell(city: City, payment_id: str, code: str, amount: int, **more: Any) -> httpx.Response:
    notice = {"payment_id": payment_id, "billing_code": code, "amount": amount}
    notice["paid_at"] = city.issuer.now().isoformat()
    return await send(city, "/payments/callback", notice, **more)


async def send(
    city: City, path: str, message: dict[str, Any], *, secret: bytes | None = None, late: float = 0
) -> httpx.Response:
    body = json.dumps(message).encode()
    secret = secret or open_secret(city.settings.data_dir / "bank-secret")
    signature = sign(secret, body, now=city.issuer.now() - timedelta(seconds=late))
    headers = {HEADER: signature, "Content-Type": "application/json", "Authorization": "Basic bank"}
    return await city.client.post(path, content=body, headers=headers)


def payments(city: City) -> list[tuple[int, str]]:
    database = Database(open_engine(city.settings.database_url))
    try:
        rows = database.read_now(lambda session: session.scalars(select(Payment)).all())
        return [(row.amount, row.outcome) for row in rows]
    finally:
        database.engine.dispose()


async def test_the_exact_amount_moves_the_case_on_by_itself(city: City) -> None:
    application_id, order = await ordered(city)
    answer = await tell(city, "bayar-0001", order["billing_code"], order["amount"])
    assert answer.json() == {"payment_id": "bayar-0001", "outcome": "accepted"}
    assert await city.citizen.state(application_id) == "PENANDATANGANAN"


async def test_a_payment_told_again_counts_once(city: City) -> None:
    application_id, order = await ordered(city)
    for _ in range(3):
        answer = await tell(city, "bayar-0001", order["billing_code"], order["amount"])
        assert answer.json()["outcome"] == "accepted"
    assert payments(city) == [(order["amount"], "accepted")]
    history = (await city.citizen.get(f"/applications/{application_id}")).json()["history"]
    assert [step["event"] for step in history].count("paid") == 1


async def test_a_payment_told_differently_is_refused(city: City) -> None:
    _, order = await ordered(city)
    await tell(city, "bayar-0001", order["billing_code"], order["amount"])
    answer = await tell(city, "bayar-0001", order["billing_code"], 1)
    assert problem_code(answer) == "payment-told-differently"


@pytest.mark.parametrize("accept", [True, False])
async def test_another_amount_is_an_officers_to_judge(city: City, accept: bool) -> None:
    application_id, order = await ordered(city)
    assert (await tell(city, "bayar-0001", order["billing_code"], 7)).json()["outcome"] == "to_check"
    assert await city.citizen.state(application_id) == "CEK_BAYAR"
    path = f"/desk/applications/{application_id}/payment"
    await city.officer().post(path, json={"accept": accept, "reason": "Selisih biaya transfer"})
    shown = (await city.citizen.get(f"/applications/{application_id}")).json()
    assert shown["state"] == ("PENANDATANGANAN" if accept else "MENUNGGU_BAYAR")
    assert shown["payment"]["paid_amount"] == (7 if accept else None)


async def test_money_that_was_not_due_is_kept_on_record(city: City) -> None:
    application_id, order = await ordered(city)
    await city.citizen.post(f"/applications/{application_id}/withdraw")
    answer = await tell(city, "bayar-0001", order["billing_code"], order["amount"])
    assert answer.json()["outcome"] == "surplus"
    shown = (await city.citizen.get(f"/applications/{application_id}")).json()
    assert shown["state"] == "DIBATALKAN"
    assert shown["history"][-1]["event"] == "payment_surplus"
    assert payments(city) == [(order["amount"], "surplus")]
    assert (await city.citizen.get("/notifications")).json()["items"][0]["event"] == "payment_surplus"


@pytest.mark.parametrize("late", [301, -301])
async def test_an_old_or_future_signature_is_worth_nothing(city: City, late: float) -> None:
    _, order = await ordered(city)
    answer = await tell(city, "bayar-0001", order["billing_code"], order["amount"], late=late)
    assert answer.status_code == 401
    assert payments(city) == []


@pytest.mark.parametrize("header", ["", "t=1", "t=1,v1=" + "0" * 64, "v1=x,t=1"])
async def test_nobody_but_the_bank_is_believed(city: City, header: str) -> None:
    for path in ("/payments/callback", "/payments/inquiry"):
        answer = await city.client.post(path, json={}, headers={HEADER: header} if header else {})
        assert problem_code(answer) == "bad-bank-signature"
    forged = await tell(city, "bayar-0001", new_billing_code(), 5, secret=b"x" * 32)
    assert forged.status_code == 401


async def test_a_bill_tells_its_price_and_not_whose_it_is(city: City) -> None:
    application_id, order = await ordered(city)
    bill = (await send(city, "/payments/inquiry", {"billing_code": order["billing_code"]})).json()
    assert (bill["amount"], bill["payable"]) == (order["amount"], True)
    assert "Siti" not in str(bill)
    assert application_id not in str(bill)
    await city.citizen.post(f"/applications/{application_id}/withdraw")
    closed = await send(city, "/payments/inquiry", {"billing_code": order["billing_code"]})
    assert (closed.json()["payable"], closed.json()["pay_before"]) == (False, None)


async def test_a_slip_of_the_finger_in_a_billing_code_is_noticed(city: City) -> None:
    code = new_billing_code()
    slip = code[:-2] + str((int(code[-2]) + 1) % 10) + code[-1]
    assert is_billing_code(code)
    assert not is_billing_code(slip)
    assert (await send(city, "/payments/inquiry", {"billing_code": slip})).status_code == 422
    assert (await send(city, "/payments/inquiry", {"billing_code": code})).status_code == 404


def bank_of(city: City, client: httpx.AsyncClient) -> Bank:
    return Bank(client, open_secret(city.settings.data_dir / "bank-secret"), now=city.issuer.now)


async def test_the_test_bank_takes_a_payment_over_its_own_interface(city: City) -> None:
    application_id, order = await ordered(city)
    line = httpx.AsyncClient(transport=httpx.ASGITransport(city.app), base_url="http://office.test")
    async with client_of(make_bank(bank_of(city, line))) as bank:
        bill = await bank.get(f"/bills/{order['billing_code']}")
        assert bill.json()["amount"] == order["amount"]
        paid = await bank.post("/pay", json={"billing_code": order["billing_code"]})
        assert (paid.status_code, paid.json()["told"]) == (201, True)
        again = await bank.post("/pay", json={"billing_code": order["billing_code"]})
        assert again.json()["code"] == "not-payable"
        unknown = await bank.get(f"/bills/{new_billing_code()}")
        assert unknown.status_code == 404
        assert (await bank.get("/healthz")).json()["untold"] == 0
    assert await city.citizen.state(application_id) == "PENANDATANGANAN"


async def test_the_test_bank_tells_later_what_the_office_could_not_hear(city: City) -> None:
    application_id, order = await ordered(city)
    is_down = False

    async def office(request: httpx.Request) -> httpx.Response:
        if is_down and request.url.path.endswith("callback"):
            raise httpx.ConnectError("down")
        headers = {name: request.headers[name] for name in (HEADER, "content-type")}
        return await city.client.post(request.url.path, content=request.content, headers=headers)

    async with httpx.AsyncClient(transport=httpx.MockTransport(office), base_url="http://office.test") as client:
        bank = bank_of(city, client)
        is_down = True
        assert (await bank.pay(Transfer(billing_code=order["billing_code"])))["told"] is False
        is_down = False
        (notice,) = bank.untold.values()
        assert await bank.tell(notice) == "accepted"
        assert bank.untold == {}
    assert await city.citizen.state(application_id) == "PENANDATANGANAN"


async def test_the_test_bank_says_when_the_office_is_out_of_reach(city: City) -> None:
    def away(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(502)

    line = httpx.AsyncClient(transport=httpx.MockTransport(away), base_url="http://office.test")
    async with client_of(make_bank(bank_of(city, line))) as bank:
        answer = await bank.post("/pay", json={"billing_code": new_billing_code()})
    assert (answer.status_code, answer.json()["code"]) == (503, "office-unreachable")


async def test_the_test_bank_keeps_telling_what_was_refused(city: City) -> None:
    notice = {"payment_id": "bayar-0001", "billing_code": "1", "amount": 1, "paid_at": city.issuer.now().isoformat()}
    line = httpx.AsyncClient(transport=httpx.ASGITransport(city.app), base_url="http://office.test")
    bank = bank_of(city, line)
    bank.untold["bayar-0001"] = notice
    assert await bank.tell(notice) is None
    assert list(bank.untold) == ["bayar-0001"]
    await line.aclose()


def test_the_banks_secret_is_made_once_and_never_short(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    secret = open_secret(path)
    assert open_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    path.write_text("pendek")
    with pytest.raises(ValueError, match="too short"):
        open_secret(path)
