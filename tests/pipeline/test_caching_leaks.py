"""Nothing an agency made for one reaches another unless it marked it so: random histories over the real pipeline."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

import jwt
import pytest

from tests.city.agency import Answer, Received
from tests.pipeline.exam import Exam, Page

pytestmark = pytest.mark.asyncio(loop_scope="module")

CITIZENS = ("", "siti", "budi", "ani")
# What lets an answer to someone known be given to others (RFC 9111 section 3.5).
SHARING = ("public", "s-maxage=5", "must-revalidate")
DIRECTIVES = ("", "private", "no-store", "no-cache", "max-age=5", *SHARING)
VARIES = ("", "Foo", "Foo, Bar", "Accept-Language", "*")
# What somebody might try to have reflected into an answer that others get.
PLANTS = (
    "X-Forwarded-Host: evil.test",
    "X-Original-URL: /evil",
    "X-Evil: 1",
    "Referer: http://evil.test/",
    "User-Agent: evil",
    "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nTracestate: e=v",
    "Origin: http://evil.test",
    "Prefer: evil",
    "Accept-Encoding: evil",
)
QUERIES = ("", "?page=1", "?page=2", "?page=1&utm=x", "?utm=y")
STRICT = ("ttl", "keyed")  # routes that list what reaches the agency
# What the gateway itself says to an agency about a request whose answer others may get.
OWN = {"host", "via", "x-request-id", "traceparent", "cache-control", "if-none-match", "accept"}


@dataclass(frozen=True)
class Made:
    """What the agency saw when it made an answer, and what it said of its sharing."""

    who: str
    names: frozenset[str]
    fields: dict[str, str]
    query: str
    directives: frozenset[str]
    vary: str


class Mirror:
    """Answers with a number, under which everything about the request is noted."""

    def __init__(self, page: Page, rng: random.Random) -> None:
        self.made: list[Made] = []
        self._rng = rng
        page.answer = self.answer

    def answer(self, received: Received) -> Answer:
        told = self._rng.sample(DIRECTIVES, 2)
        vary = self._rng.choice(VARIES)
        fields = {name: received.header(name) or "" for name in ("foo", "bar", "cookie", "x-city", "accept-language")}
        names = frozenset(name for name, _ in received.headers)
        made = Made(who_of(received), names, fields, received.target.partition("?")[2], frozenset(told), vary)
        self.made.append(made)
        headers = {"cache-control": ", ".join(filter(None, told))} | ({"vary": vary} if vary else {})
        if self._rng.random() < 0.1:
            headers["set-cookie"] = "session=1"
        return Answer(headers=headers, body=json.dumps(len(self.made) - 1).encode())


def who_of(received: Received) -> str:
    """Return whom the agency takes the caller for: the pseudonym in the assertion, or what was passed through."""
    said = received.header("authorization") or ""
    scheme, _, token = said.partition(" ")
    if scheme == "Bearer":
        return str(jwt.decode(token, options={"verify_signature": False})["sub"])
    return said


async def pseudonyms(exam: Exam) -> dict[str, str]:
    """Find out what each citizen is called before this agency."""
    found = {"": ""}
    for citizen in CITIZENS[1:]:
        page = exam.page("Cache-Control: no-store", kind="mine")
        await page.get(token=citizen)
        found[citizen] = who_of(page.asked[0])
    return found


KINDS = ("plain", "ttl", "known", "mine", "either", "passed", "keyed")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
async def test_no_answer_made_for_one_is_given_to_another_unless_it_was_marked_for_all(
    exam: Exam, kind: str, seed: int
) -> None:
    rng = random.Random(f"{kind} {seed}")
    names = await pseudonyms(exam)
    page = exam.page(kind=kind)
    mirror = Mirror(page, rng)
    for _ in range(25):
        citizen = rng.choice(CITIZENS[1:] if kind == "mine" else CITIZENS)
        sent = {
            "foo": rng.choice(("", "1", "2")),
            "bar": rng.choice(("", "1")),
            "cookie": rng.choice(("", "who=me")),
            "x-city": rng.choice("ab"),
            "accept-language": rng.choice(("", "id", "en")),
        }
        lines = [f"{name}: {value}" for name, value in sent.items() if value]
        lines += rng.sample(PLANTS, 2)
        wish = rng.choice(("", "", "", "no-cache", "max-stale", "only-if-cached"))
        lines += [f"Cache-Control: {wish}"] if wish else []
        token = ""
        if kind == "passed" and citizen:
            lines.append(f"Authorization: Basic {citizen}")
        elif kind not in ("plain", "ttl", "keyed", "passed"):
            token = citizen
        query = rng.choice(QUERIES)
        reply = await page.get("\n".join(lines), query=query, token=token)
        await exam.settled()
        exam.wait(rng.choice((0, 1, 4)))
        if reply.status_code != 200:
            assert (reply.status_code, wish) == (504, "only-if-cached")
            continue
        made = mirror.made[reply.json()]
        me = f"Basic {citizen}" if kind == "passed" and citizen else names[token]
        check(kind, made, me=me, sent=sent, query=query)


def check(kind: str, made: Made, *, me: str, sent: dict[str, str], query: str) -> None:
    """Fail when an answer `made` for one is in the hands of another who may not have it."""
    assert made.fields["cookie"] == ""  # it never leaves the gateway
    if kind in ("mine", "either") and me:
        assert made.who == me
    elif made.who != me:
        # What was made for nobody in particular is for everybody.
        assert not made.who or made.directives.intersection(SHARING), made
        assert "private" not in made.directives
        assert kind not in ("mine", "either")
    for name in ("foo", "bar", "accept-language"):
        if name in made.vary.lower() and not (kind in STRICT and name != "accept-language"):
            assert made.fields[name] == sent[name]
    if kind in STRICT:
        assert made.names <= OWN | {"accept-language"} | ({"x-city"} if kind == "keyed" else set()), made.names
    if kind == "keyed":
        assert made.fields["x-city"] == sent["x-city"]
    listed = query.removeprefix("?")
    if kind == "ttl":
        listed = "&".join(part for part in listed.split("&") if part.startswith("page="))
    elif kind != "plain":
        listed = ""
    assert made.query == listed


async def test_what_is_planted_in_an_unlisted_query_reaches_nobody(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60", kind="ttl")
    await page.get(query="?utm=<script>&page=1")
    assert page.asked[0].target == f"{page.path}?page=1"


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "X-Original-URL"])
async def test_what_a_client_says_of_the_way_it_came_never_reaches_a_shared_answer(exam: Exam, name: str) -> None:
    page = exam.page("Cache-Control: max-age=60")
    await page.get(f"{name}: evil.test")
    assert all("evil.test" not in value for _, value in page.asked[0].headers)
