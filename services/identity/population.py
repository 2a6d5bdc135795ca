"""The population register, asked only whether data match: SESUAI or TIDAK SESUAI, never what it holds.

The card number of the family (KK) is asked too, because it is not printed on the identity card: a photo of somebody's
KTP is not enough to pass for them.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import httpx
from pydantic import BaseModel, ConfigDict, Field

from services.kit.problem import unavailable
from services.kit.yaml_file import read_typed_yaml

EXAMPLE_PEOPLE = Path(__file__).with_name("example_people.yaml")

_SECONDS = 5.0


@dataclass(frozen=True, slots=True, repr=False)
class Particulars:
    """What a person says of themselves. It has no repr, for it must not end in a traceback."""

    nik: str
    name: str
    birth_date: date
    family_card: str


class PopulationRegister(Protocol):
    """Whoever can say whether particulars match."""

    async def matches(self, said: Particulars) -> bool:
        """Tell whether all of it matches; raise Problem 503 when the register cannot be asked."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid")
    nik: str = Field(pattern=r"^367199\d{10}$")  # district 99 is not issued: nobody real
    name: str
    birth_date: date
    family_card: str = Field(pattern=r"^367199\d{10}$")


class _People(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: str
    verified: bool
    people: list[_Person]


class ExampleRegister:
    """Invented people from a file, for development and the demo."""

    def __init__(self, path: Path = EXAMPLE_PEOPLE) -> None:
        document = _People.model_validate(read_typed_yaml(path))
        self._people = {person.nik: person for person in document.people}

    async def matches(self, said: Particulars) -> bool:
        person = self._people.get(said.nik)
        return person is not None and (
            same_name(person.name, said.name)
            and person.birth_date == said.birth_date
            and person.family_card == said.family_card
        )

    async def close(self) -> None:
        """Nothing is open."""


class HttpRegister:
    """Asks over HTTP: `POST {nik, name, birth_date, family_card}` → `{"result": "SESUAI" | "TIDAK SESUAI"}`."""

    def __init__(self, url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self._client = httpx.AsyncClient(headers=headers, timeout=_SECONDS, trust_env=False, transport=transport)

    async def matches(self, said: Particulars) -> bool:
        body = {
            "nik": said.nik,
            "name": said.name,
            "birth_date": said.birth_date.isoformat(),
            "family_card": said.family_card,
        }
        try:
            answer = await self._client.post(self._url, json=body)
            result = answer.raise_for_status().json()["result"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            raise unavailable("population-register-unavailable", retry_after_seconds=60) from None
        if result not in ("SESUAI", "TIDAK SESUAI"):
            raise unavailable("population-register-unavailable", retry_after_seconds=60)
        return bool(result == "SESUAI")

    async def close(self) -> None:
        await self._client.aclose()


def open_register(url: str, token: str) -> PopulationRegister:
    """Open the register a URL names: `example:` for invented people, or http(s)."""
    if url == "example:":
        return ExampleRegister()
    if url.startswith(("http://", "https://")):
        return HttpRegister(url, token)
    raise ValueError(f"no population register at {url!r}; use example: or an http(s) address")


def same_name(one: str, other: str) -> bool:
    """Compare names as people write them: case, dots, apostrophes and spacing do not matter."""
    return _letters(one) == _letters(other)


def _letters(name: str) -> list[str]:
    return re.sub(r"[^\w\s]", "", name.casefold()).split()
