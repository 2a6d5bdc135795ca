"""Example citizens, officers and cases.

Accounts are opened by identity's own command; cases come in through the gateway, as a citizen's would, so that what the
demo shows has gone the whole way.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from services.demo.plan import Plan
from services.demo.processes import CannotStart

_PASSWORD = "Demo-Tangerang-2026"  # noqa: S105  # printed on the screen: it opens example accounts on this machine only


@dataclass(frozen=True, slots=True)
class Account:
    """An example account. The NIK lies in a district that is never issued."""

    identifier: str
    password: str
    name: str
    assurance: int
    nik: str | None = None
    role: str | None = None


ACCOUNTS = (
    Account("siti@example.id", _PASSWORD, "Siti Aminah", 3, nik="3671995505900001"),
    Account("budi@example.id", _PASSWORD, "Budi Santoso", 2),
    Account("petugas.dpmptsp@example.id", _PASSWORD, "Rina Petugas", 4, nik="3671995203800002", role="officer:DPMPTSP"),
    Account(
        "petugas.laksa@example.id", _PASSWORD, "Joko Petugas", 4, nik="3671991207780003", role="officer:Diskominfo"
    ),
    Account("operator.112@example.id", _PASSWORD, "Dewi Operator", 4, nik="3671994508850004", role="operator:112"),
    Account("petugas.perkim@example.id", _PASSWORD, "Agus Petugas", 4, nik="3671991708820005", role="officer:PERKIM"),
    Account(
        "petugas.dukcapil@example.id", _PASSWORD, "Lina Petugas", 4, nik="3671996011840006", role="officer:DISDUKCAPIL"
    ),
    Account("admin@example.id", _PASSWORD, "Putri Admin", 4, nik="3671994709810007", role="admin"),
)


def open_accounts(plan: Plan) -> None:
    """Open the example accounts by identity's own command; raise CannotStart when one cannot be opened.

    A mark beside the databases tells that it was done before, for a program takes a second to start.
    """
    mark = plan.directory / "accounts.json"
    told = json.dumps(described())
    if mark.exists() and mark.read_text() == told:
        return
    identity = next(program for program in plan.programs if program.name == "identity")
    done = subprocess.run(  # noqa: S603  # our own program
        [*identity.command[:3], "accounts", "import", *_options(identity.command, ("--database-url", "--data-dir"))],
        input="".join(json.dumps(_order(account)) + "\n" for account in ACCOUNTS),
        text=True,
        capture_output=True,
        check=False,
        env=os.environ | dict(plan.environment),
    )
    if done.returncode:
        raise CannotStart(f"the example accounts could not be opened:\n{done.stdout}{done.stderr}")
    mark.write_text(told)


def _order(account: Account) -> dict[str, Any]:
    """Return an account as identity's command reads it."""
    roles = [account.role] if account.role else []
    order = {"name": account.name, "password": account.password, "email": account.identifier, "nik": account.nik}
    return order | {"acr": account.assurance, "roles": roles}


def open_cases(plan: Plan) -> None:
    """Report and apply as citizens would, unless this was done before."""
    with httpx.Client(base_url=plan.public, timeout=20, trust_env=False) as city:
        if _ok(city.get("/v1/complaints/public")).json()["items"]:
            return
        siti, budi = (sign_in(city, account) for account in ACCOUNTS[:2])
        for citizen, report in ((siti, _LIGHT), (budi, _ROAD)):
            _ok(city.post("/v1/complaints/reports", headers=citizen, json=report))
        kind = _ok(city.get("/v1/permits/types")).json()["items"][0]["code"]
        _ok(city.post("/v1/permits/applications", headers=siti, json={"type": kind}))


def sign_in(city: httpx.Client, account: Account) -> dict[str, str]:
    """Return the header that makes a request the account's own."""
    body = {"identifier": account.identifier, "password": account.password}
    token = _ok(city.post("/v1/identity/login", json=body)).json()["access_token"]
    return {"authorization": f"Bearer {token}"}


def described() -> list[dict[str, Any]]:
    """The accounts as `.demo/demo.json` tells them."""
    return [
        {"identifier": one["identifier"], "password": one["password"], "name": one["name"]}
        | {"assurance": one["assurance"], "role": one["role"]}
        for one in map(asdict, ACCOUNTS)
    ]


_LIGHT = {
    "category": "street_lights",
    "description": "Tiga lampu jalan padam sejak Senin malam.",
    "lat": -6.168,
    "lon": 106.594,
}
_ROAD = {
    "category": "roads",
    "description": "Lubang besar di depan pasar, berbahaya bagi sepeda motor.",
    "lat": -6.186,
    "lon": 106.683,
}


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise CannotStart(
            f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}: {answer.text}"
        )
    return answer


def _options(command: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    """Return those options of a command line with their values."""
    return [part for name in names for part in (name, command[command.index(name) + 1])]
