"""The people of the four lives: citizens who register themselves, and officers whom an admin gives their roles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.identity.identifiers import mask, recognise
from tests.acceptance.conftest import Demo, wait_for

PASSWORD = "Kota-Benteng-1500"  # of invented people on this machine
_CODE = re.compile(r"kode Anda ([0-9]{6})")


@dataclass(slots=True)
class Person:
    """Somebody with an app. Every call goes through the gateway, and what was answered is remembered."""

    client: httpx.Client
    headers: dict[str, str] = field(default_factory=dict)
    account: str = ""  # identity's own name for the account; no other service ever sees it
    refresh_token: str = ""
    heard: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = self.headers | more.pop("headers", {})
        answer = self.client.request(method, f"/v1{path}", headers=headers, **more)
        self.heard.append(answer.text)
        return answer

    def get(self, path: str, **more: Any) -> Any:
        """Return what was asked for; the test fails when it is refused."""
        return _good(self.call("GET", path, **more)).json()

    def post(self, path: str, json: Any = None, **more: Any) -> Any:
        """Send something that must succeed; return what was answered."""
        answer = _good(self.call("POST", path, json=json, **more))
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, json: Any = None) -> tuple[int, str]:
        """Send something that must not succeed; return status and code of the problem."""
        answer = self.call(method, path, json=json)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status_code >= 400
        return answer.status_code, problem["code"]

    def sign_in(self, identifier: str, password: str = PASSWORD) -> None:
        """Sign in; from here on every call is the account's own."""
        tokens = self.post("/identity/login", {"identifier": identifier, "password": password})
        self.headers = {"authorization": f"Bearer {tokens['access_token']}"}
        self.refresh_token = tokens["refresh_token"]

    def tokens(self) -> list[str]:
        """Return what would let somebody else act as this person."""
        return [token for token in (self.headers.get("authorization", "")[7:], self.refresh_token) if token]


@dataclass(slots=True)
class City:
    """The running demo and who lives and works in it. `lived` names the lives that were told so far."""

    demo: Demo
    admin: Person
    everybody: list[Person] = field(default_factory=list)
    lived: set[str] = field(default_factory=set)

    def stranger(self) -> Person:
        """Return somebody who is not signed in."""
        person = Person(self.demo.client)
        self.everybody.append(person)
        return person

    def newcomer(self, name: str, **identifiers: str) -> Person:
        """Let a citizen register and sign in."""
        person = self.stranger()
        person.account = person.post("/identity/register", {"name": name, "password": PASSWORD, **identifiers})["sub"]
        person.sign_in(next(iter(identifiers.values())))
        return person

    def example(self, number: int) -> Person:
        """Sign in as an example account of the demo."""
        account, person = self.demo.facts["accounts"][number], self.stranger()
        person.sign_in(account["identifier"], account["password"])
        return person

    def officer(self, agency: str) -> Person:
        """Let somebody register, be made an officer of this agency by the admin, and sign in anew: with the role."""
        mail = f"petugas.{agency.lower()}@example.id"
        person = self.newcomer(f"Petugas {agency}", email=mail)
        _good(self.admin.call("PUT", f"/identity/accounts/{person.account}/roles/officer:{agency}"))
        person.sign_in(mail)
        return person

    def code_sent_to(self, contact: str) -> str:
        """Return the latest one-time code that the console sender printed for this contact."""
        log, recipient = self.demo.plan.directory / "identity.log", f"] {mask(recognise(contact))}: "
        codes: list[str] = []

        def is_there() -> bool:
            lines = [line for line in log.read_text().splitlines() if recipient in line]
            codes.extend(found[1] for line in lines if (found := _CODE.search(line)))
            return bool(codes)

        wait_for(is_there)
        return codes[-1]


def open_city(demo: Demo) -> City:
    """Have the demo's admin at work; everybody else who has a role beyond the demo's officers has it from the admin."""
    city = City(demo, Person(demo.client))
    city.everybody.append(city.admin)
    admin = next(account for account in demo.facts["accounts"] if account["role"] == "admin")
    city.admin.sign_in(admin["identifier"], admin["password"])
    return city


def _good(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
    return answer
