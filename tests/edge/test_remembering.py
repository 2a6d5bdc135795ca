"""Whatever a gateway remembers (blocks, whole heads and their shortcuts), it answers as one that remembers nothing.

The same history is told to two cities. In one, citizens keep a few connections and everything may be remembered; in the
other each request comes on a connection of its own to a lane that has just forgotten everything.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import jwt
import pytest

from tests.edge.client import Answer, Client, request
from tests.edge.town import Town, running_town, until

SERVICE = """
    upstream: {targets: TARGETS, retries: {attempts: 1}}
    auth: {mode: required}
    routes:
      - {path: "/v1/permits/open/{rest:path}", methods: [GET, POST], auth: {mode: none}}
      - {path: /v1/permits/any, methods: [GET], auth: {mode: optional}}
      - path: /v1/permits/mine
        methods: [GET, POST, PUT]
        max_body: 1KB
        rate_limit: {by: citizen, limit: 30, every: 60s}
"""
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
VARYING = ("x-request-id", "date", "instance", "traceparent", "host")
STEPS = 250
EVENTS = {60: "revoke", 110: "200", 160: "reload", 200: "200"}  # seconds, where it is a number


@dataclass
class Told:
    """One city that is told a history, and what was seen there."""

    town: Town
    remembers: bool
    clients: dict[int, Client] = field(default_factory=dict)
    tokens: dict[str, bytes] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)  # an agency's name of a citizen -> whose request it first was
    revoked: int = 0

    async def ask(self, number: int, who: str, lines: list[bytes], **kind: bytes) -> list[object]:
        """Send one request; return what the citizen and the agency saw of it."""
        token = self.tokens.get(who)
        if token is not None:
            lines = [*lines, b"Authorization: Bearer " + token]
        if not self.remembers:
            lane = self.town.city.gateway.lane
            lane.adopt(lane.limits)
            await self.hang_up()
        if number not in self.clients:
            self.clients[number] = await Client.connect(self.town.port)
        before = len(self.town.agency.heads)
        raw = request(*lines, **kind)  # type: ignore[arg-type]  # names of its own
        answer = await self.clients[number].ask(raw)
        if answer.field("connection") == "close" or answer.status >= 400:
            await self.hang_up(number)
        return [
            *seen_by_citizen(answer),
            *(self._seen_by_agency(head, who) for head in self.town.agency.heads[before:]),
        ]

    def _seen_by_agency(self, head: bytes, who: str) -> list[str]:
        lines = []
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "authorization":
                claims = jwt.decode(value.removeprefix("Bearer "), options={"verify_signature": False})
                line = f"as {self.known.setdefault(claims['sub'], who)}"
            elif name.lower() == "traceparent" and TRACE[3:35].decode() in value:
                line = "traceparent: goes on"
            elif name.lower() in VARYING:
                line = name
            lines.append(re.sub(r"127\.0\.0\.1:\d+", "", line))
        return sorted(lines)  # the order of fields that differ by name says nothing (RFC 9110 section 5.3)

    async def hang_up(self, *numbers: int) -> None:
        """End these connections, or all."""
        for number in numbers or tuple(self.clients):
            client = self.clients.pop(number)
            client.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()

    async def happen(self, event: str) -> None:
        """Let time pass, a session be revoked, or the registry be read anew."""
        city = self.town.city
        if event == "reload":
            assert await city.gateway.reload() == ()
        elif event == "revoke":
            self.revoked += 1
            city.issuer.revoke("session-of-b")
            await until(lambda: len(city.gateway.revocations) > 0)
        else:
            await self.hang_up()  # the gateway would, of who says nothing for so long
            city.clock.advance(float(event))
        self.tokens.setdefault("a", city.issuer.token("a").encode())
        self.tokens.setdefault("b", city.issuer.token("b").encode())
        self.tokens.setdefault("late", city.issuer.token("late", exp=int(city.clock.wall()) + 300).encode())
        self.tokens.setdefault("nobody", b"abc")


def seen_by_citizen(answer: Answer) -> Iterator[object]:
    yield answer.status
    yield sorted((name, value) for name, value in answer.fields if name not in VARYING)
    yield re.sub(rb"TNG-\w+", b"", answer.body)


def history(seed: int) -> Iterator[tuple[int, str, list[bytes], dict[str, bytes]] | str]:
    """Yield steps: requests that repeat themselves now and then to the byte, and what happens in between."""
    random = Random(seed)
    few = [_request(random, path) for path in (b"any", b"mine", b"mine")]
    for step in range(STEPS):
        if step in EVENTS:
            yield EVENTS[step]
        who = random.choice(["a", "a", "b", "late", "nobody"])
        lines, named = random.choice(few)
        if random.random() < 0.1:
            lines, named = _request(random, random.choice([b"open/1", b"open/2?q=1", b"any", b"mine", b"none"]))
        if random.random() < 0.3:
            lines = [b"traceparent: " + random.choice([TRACE, TRACE[:-2] + b"00", b"00-1", TRACE.upper()]), *lines]
        yield random.randrange(2), who, lines, named


def _request(random: Random, path: bytes) -> tuple[list[bytes], dict[str, bytes]]:
    lines = random.sample([b"Accept-Language: en", b"X-A: 1", b"Cookie: c=d", b"Connection: x-a", b"X_A: 2"], 2)
    named = {"path": b"/v1/permits/" + path}
    chance = random.random()
    if chance < 0.1:
        lines.append(b"Connection: close")
    elif chance < 0.2:
        named["version"] = b"HTTP/1.0"
    elif chance < 0.6:
        body = b"b" * random.choice([0, 3, 3, 2_000])
        named |= {"method": random.choice([b"POST", b"PUT"]), "body": body}
        lines.append(b"Content-Length: %d" % len(body))
    return lines, named


@pytest.mark.parametrize("seed", [2])
async def test_for_any_history_it_answers_as_one_that_remembers_nothing(tmp_path: Path, seed: int) -> None:
    async with AsyncExitStack() as stack:
        cities = []
        for remembers in (True, False):
            folder = tmp_path / str(remembers)
            folder.mkdir()
            cities.append(Told(await stack.enter_async_context(running_town(folder, service=SERVICE)), remembers))
        for one in cities:
            await one.happen("0")
        for step in history(seed):
            if isinstance(step, str):
                for one in cities:
                    await one.happen(step)
            else:
                number, who, lines, named = step
                first, second = [await one.ask(number, who, lines, **named) for one in cities]
                assert first == second, step
        for one in cities:
            await one.hang_up()
