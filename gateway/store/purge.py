"""What an operator or an agency wants forgotten, and how that is told to other processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from gateway.rules.caching.keys import PrimaryKey

TOPIC: Final = "cache-purge"


@dataclass(frozen=True, slots=True)
class Purge:
    """Names stored answers by what is given; nothing given means everything.

    `path` and `query` are the agency's own; a path without a query stands for all its queries. `soft` keeps the
    answers, as stale from now on: they are asked about before they are used, and still stand in for a dead agency.
    """

    service: str | None = None
    path: bytes | None = None
    query: bytes | None = None
    tag: bytes | None = None
    soft: bool = False

    @property
    def is_for_all(self) -> bool:
        return self.service is None and self.path is None and self.tag is None

    def names(self, key: PrimaryKey) -> bool:
        """Tell whether the answers under `key` are meant, as far as the key tells; tags are not in it."""
        return (
            (self.service is None or key.service == self.service)
            and (self.path is None or key.path == self.path)
            and (self.query is None or key.query == self.query)
        )

    def encode(self) -> bytes:
        """Write the message for other processes."""
        texts = {"path": self.path, "query": self.query, "tag": self.tag}
        members = {name: None if text is None else text.decode("latin-1") for name, text in texts.items()}
        return json.dumps({"service": self.service, "soft": self.soft} | members).encode()


def decode_purge(message: bytes) -> Purge:
    """Read such a message; raise ValueError when it is none."""
    members = json.loads(message)
    if not isinstance(members, dict):
        raise ValueError("a purge is an object")
    return Purge(
        service=_text(members, "service"),
        path=_bytes(members, "path"),
        query=_bytes(members, "query"),
        tag=_bytes(members, "tag"),
        soft=members.get("soft") is True,
    )


def _text(members: dict[str, object], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _bytes(members: dict[str, object], name: str) -> bytes | None:
    value = _text(members, name)
    return None if value is None else value.encode("latin-1")
