"""`python -m services.permits.bank`: a test bank for the demo, which takes no money and tells the office it did.

It knows bills only by asking the office, and repeats each payment's message until the office has answered it, as a
real bank does. What it was to tell lives in memory: it is a stand-in for a bank, not an example of one.
"""

import argparse
import asyncio
import os
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit.clock import Now, iso, utc_now
from services.kit.etag import json_response
from services.kit.inputs import read_json
from services.kit.problem import Problem, Text, conflict, exception_handlers, unavailable
from services.permits.bank_signature import CALLBACK_PATH, HEADER, INQUIRY_PATH, open_secret, sign

_MAX_PAUSE_SECONDS = 30.0


class Transfer(BaseModel):
    """A customer pays a bill; `amount` only to pay another amount than was billed."""

    model_config = ConfigDict(extra="forbid")
    billing_code: str = Field(max_length=15)
    amount: int | None = Field(default=None, ge=1, le=10**12)


@dataclass(slots=True)
class Bank:
    """The bank's line to the office, which it closes in the end.

    `untold` are messages the office has not yet answered.
    """

    client: httpx.AsyncClient
    secret: bytes
    now: Now = utc_now
    untold: dict[str, dict[str, Any]] = field(default_factory=dict)  # Any: JSON

    async def ask(self, billing_code: str) -> dict[str, Any]:  # Any: JSON
        """Ask the office about a bill; its own problem is passed on as ours."""
        answer = await self._send(INQUIRY_PATH, {"billing_code": billing_code})
        body: dict[str, Any] = answer.json()
        if answer.status_code != 200:
            text = Text(body.get("detail") or body["title"], body.get("detail") or body["title"])
            raise Problem(answer.status_code, body["code"], text)
        return body

    async def pay(self, transfer: Transfer) -> dict[str, Any]:  # Any: JSON
        """Take the money and tell the office; `told` says whether it has answered already."""
        bill = await self.ask(transfer.billing_code)
        if not bill["payable"]:
            raise conflict("not-payable", "Tagihan ini tidak dapat dibayar sekarang.", "This bill cannot be paid now.")
        payment_id = str(uuid.uuid4())
        notice = {
            "payment_id": payment_id,
            "billing_code": transfer.billing_code,
            "amount": transfer.amount or bill["amount"],
            "paid_at": iso(self.now()),
        }
        self.untold[payment_id] = notice
        outcome = await self.tell(notice)
        return {**notice, "told": outcome is not None, "outcome": outcome}

    async def tell(self, notice: dict[str, Any]) -> str | None:  # Any: JSON
        """Send one message; return what the office made of it, or None to try again later."""
        try:
            answer = await self._send(CALLBACK_PATH, notice)
        except Problem:
            return None
        if answer.status_code != 200:
            return None
        self.untold.pop(notice["payment_id"], None)
        outcome: str = answer.json()["outcome"]
        return outcome

    async def keep_telling(self) -> None:
        """Repeat what was not answered, at growing intervals while the office is away."""
        pause = 1.0
        while True:
            await asyncio.sleep(pause)
            outcomes = [await self.tell(notice) for notice in list(self.untold.values())]
            pause = 1.0 if all(outcomes) else min(_MAX_PAUSE_SECONDS, 2 * pause)

    async def _send(self, path: str, message: dict[str, Any]) -> httpx.Response:  # Any: JSON
        request = self.client.build_request("POST", path, json=message)
        request.headers[HEADER] = sign(self.secret, request.content, now=self.now())
        try:
            answer = await self.client.send(request)
        except httpx.HTTPError as exc:
            raise unavailable("office-unreachable") from exc
        if answer.status_code >= 500:
            raise unavailable("office-unreachable")
        return answer


def make_bank(bank: Bank) -> Starlette:
    """Build the bank's own little interface."""

    async def bill(request: Request) -> Response:
        return json_response(await bank.ask(request.path_params["billing_code"]))

    async def pay(request: Request) -> Response:
        return json_response(await bank.pay(await read_json(request, Transfer)), 201)

    async def healthz(_request: Request) -> Response:
        return json_response({"status": "ok", "untold": len(bank.untold)})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with bank.client, asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(bank.keep_telling())
            yield
            telling.cancel()

    return Starlette(
        routes=[
            Route("/bills/{billing_code}", bill, methods=["GET"]),
            Route("/pay", pay, methods=["POST"]),
            Route("/healthz", healthz, methods=["GET"]),
        ],
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the test bank until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m services.permits.bank", description=__doc__)
    environ = os.environ
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(environ.get("BANK_PORT", "8112")))
    parser.add_argument("--permits-url", default=environ.get("BANK_PERMITS_URL", "http://127.0.0.1:8102"))
    parser.add_argument("--secret-file", type=Path, default=Path("permits-files/bank-secret"))
    options = parser.parse_args(argv)
    try:
        listener = socket.create_server((options.host, options.port))
    except OSError as exc:
        sys.exit(f"bank: cannot listen on {options.host}:{options.port}: {exc.strerror}. Use --port.")
    client = httpx.AsyncClient(base_url=options.permits_url, timeout=10.0, trust_env=False)
    app = make_bank(Bank(client, open_secret(options.secret_file)))
    print(f"listening on http://{options.host}:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on")).run(sockets=[listener])


if __name__ == "__main__":
    main()
