"""A second cache, written flat and from the texts alone, and ours: they never disagree over random histories.

The model knows nothing of fields or parsing. It is told what an answer means, and says who answers and with which body.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.policy import CachePolicy
from tests.rules.caching.world import Dead, Reply, World

SHARING = ("public", "must-revalidate")
FORBIDDING = ("no-cache", "must-revalidate", "proxy-revalidate")


@dataclass(frozen=True)
class Said:
    """What the agency means by one answer."""

    flags: frozenset[str]
    max_age: int | None
    s_maxage: int | None
    while_revalidate: int | None
    if_error: int | None
    age: int
    tagged: bool

    def fields(self, version: int, varies: bool) -> str:
        numbers = {
            "max-age": self.max_age,
            "s-maxage": self.s_maxage,
            "stale-while-revalidate": self.while_revalidate,
            "stale-if-error": self.if_error,
        }
        said = [*sorted(self.flags), *(f"{name}={value}" for name, value in numbers.items() if value is not None)]
        lines = [f"Cache-Control: {', '.join(['x', *said])}", f"Age: {self.age}"]
        if self.tagged:
            lines.append(f'ETag: "{version}"')
        if varies:
            lines.append("Vary: Foo")
        return "\n".join(lines)


@dataclass(frozen=True)
class Asked:
    """What a client means by one request."""

    foo: str
    wish: str
    seconds: int
    known: bool

    def fields(self) -> str:
        takes_number = self.wish in ("max-age", "max-stale", "min-fresh")
        text = f"{self.wish}={self.seconds}" if takes_number else self.wish
        return f"Foo: {self.foo}\nCache-Control: {text or 'x'}"


@dataclass
class Entry:
    said: Said
    foo: str
    body: str
    version: int
    received: float


@dataclass
class Model:
    """The other cache."""

    policy: CachePolicy
    varies: bool
    now: float = 0.0
    entries: list[Entry] = field(default_factory=list)

    def selected(self, asked: Asked) -> Entry | None:
        matching = [one for one in self.entries if not self.varies or one.foo == asked.foo]
        return max(matching, key=lambda one: one.received, default=None)

    def age(self, one: Entry) -> float:
        return one.said.age + self.now - one.received

    def left(self, one: Entry) -> float:
        if self.policy.ttl_seconds is not None:
            return one.received + self.policy.ttl_seconds - self.now
        lifetime = one.said.s_maxage if one.said.s_maxage is not None else one.said.max_age
        return (lifetime or 0) - self.age(one)

    def may_be_stale(self, said: Said) -> bool:
        bound = said.s_maxage is not None and self.policy.ttl_seconds is None
        return not bound and not said.flags.intersection(FORBIDDING)

    def windows(self, said: Said) -> tuple[float, float]:
        """Return for how long an expired answer serves while revalidated, and in place of an error."""
        lifetime = said.s_maxage if said.s_maxage is not None else said.max_age
        ours = (self.policy.stale_while_revalidate_seconds, self.policy.stale_if_error_seconds)
        theirs: tuple[float | None, float | None] = (said.while_revalidate, said.if_error)
        first, then = ours, theirs
        if self.policy.ttl_seconds is None:
            first, then = theirs, (ours[0] if lifetime else None, ours[1])
        pairs = zip(first, then, strict=True)
        while_revalidate, if_error = (one if one is not None else other or 0 for one, other in pairs)
        return while_revalidate, if_error

    def refused(self, said: Said, asked: Asked) -> str | None:
        if "no-store" in said.flags or asked.wish == "no-store":
            return "no-store"
        if "private" in said.flags:
            return "private"
        if asked.known and said.s_maxage is None and not said.flags.intersection(SHARING):
            return "known"
        ttl = self.policy.ttl_seconds
        lifetime = ttl if ttl is not None else said.s_maxage if said.s_maxage is not None else said.max_age
        useful = (lifetime or 0) > 0 and "no-cache" not in said.flags
        if not useful and not said.tagged and not (self.may_be_stale(said) and self.windows(said)[1] > 0):
            return "useless"
        return None

    def judge(self, asked: Asked) -> tuple[str, Entry | None]:
        """Tell whether the cache answers, and from what; `ask` when the agency must."""
        if asked.wish == "no-store":
            return "ask", None
        one = self.selected(asked)
        if one is None:
            return ("504" if asked.wish == "only-if-cached" else "ask"), None
        left, said = self.left(one), one.said
        pleases = not (
            asked.wish == "no-cache"
            or (
                asked.wish == "max-age"
                and self.age(one) > asked.seconds
                and not ("immutable" in said.flags and left > 0)
            )
            or (asked.wish == "min-fresh" and left < asked.seconds)
        )
        if "no-cache" not in said.flags and pleases:
            if left > 0:
                return "cache", one
            if self.may_be_stale(said):
                if asked.wish == "max-stale" and -left <= asked.seconds:
                    return "stale", one
                if -left < self.windows(said)[0]:
                    return "stale+ask", one
        return ("504" if asked.wish == "only-if-cached" else "ask"), one

    def answered(self, asked: Asked, one: Entry | None, said: Said, version: int) -> str:
        """Take an answer of the agency; return who answers the client."""
        refused = self.refused(said, asked)
        if one is not None and one.said.tagged and said.tagged and one.version == version:
            if refused is None:
                one.said, one.received, one.foo = said, self.now, asked.foo
            elif refused != "known":
                self.entries.remove(one)
            return "validated"
        if refused is None:
            self.entries = [other for other in self.entries if self.varies and other.foo != asked.foo]
            self.entries.append(Entry(said, asked.foo, str(version), version, self.now))
        elif one is not None and refused != "known":
            self.entries.remove(one)
        return "origin"

    def failed(self, one: Entry | None) -> bool:
        """Tell whether a stored answer stands in for a failed agency."""
        window = self.windows(one.said)[1] if one is not None else 0
        return one is not None and self.may_be_stale(one.said) and window > 0 and -self.left(one) <= window


SECONDS = st.integers(0, 12)
MAYBE = st.none() | SECONDS
FLAGS = ["no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate", "public", "immutable"]
SAID = st.builds(
    Said,
    flags=st.one_of(st.just(frozenset[str]()), st.frozensets(st.sampled_from(FLAGS), max_size=2)),
    max_age=MAYBE,
    s_maxage=st.one_of(st.none(), MAYBE),
    while_revalidate=st.one_of(st.none(), MAYBE),
    if_error=st.one_of(st.none(), MAYBE),
    age=st.sampled_from([0, 0, 0, 3]),
    tagged=st.booleans(),
)
WISHES = ["", "", "", "", "no-cache", "no-store", "only-if-cached", "max-age", "max-stale", "min-fresh"]
ASKED = st.builds(
    Asked,
    foo=st.sampled_from(["1", "2"]),
    wish=st.sampled_from(WISHES),
    seconds=SECONDS,
    known=st.sampled_from([False, False, False, True]),
)
STEPS = st.lists(
    st.tuples(st.integers(1, 8), st.booleans(), SAID, ASKED, st.sampled_from(["up", "up", "up", "dead", "503"])),
    min_size=2,
    max_size=12,
)
POLICIES = st.builds(
    CachePolicy,
    ttl_seconds=st.one_of(st.none(), MAYBE),
    stale_while_revalidate_seconds=st.one_of(st.none(), MAYBE),
    stale_if_error_seconds=st.one_of(st.none(), MAYBE),
)


@given(policy=POLICIES, varies=st.booleans(), steps=STEPS)
@settings(max_examples=400, deadline=None)
def test_two_caches_never_disagree(
    policy: CachePolicy, varies: bool, steps: list[tuple[int, bool, Said, Asked, str]]
) -> None:
    world, model, version = World(policy), Model(policy, varies), 0
    for wait_seconds, changed, said, asked, health in steps:
        world.wait(wait_seconds)
        model.now += wait_seconds
        version += changed
        expected, one = model.judge(asked)
        # The agency compares the tag it is asked with, as real ones do.
        same = one is not None and one.said.tagged and said.tagged and one.version == version
        fields = said.fields(version, varies)
        replies: dict[str, Reply | Dead] = {
            "up": Reply(fields, 304 if same else 200, str(version).encode()),
            "dead": Dead(),
            "503": Reply("", 503),
        }
        body = one.body if one is not None else ""
        if expected in ("ask", "stale+ask"):
            if health == "up":
                source = model.answered(asked, one, said, version)
            else:
                source = "stale-if-error" if model.failed(one) else "failed" if health == "dead" else "origin"
            expected = "stale" if expected == "stale+ask" else source
            body = str(version) if source == "origin" and expected != "stale" else body
        seen = world.ask(replies[health], fields=asked.fields(), authorized=asked.known)
        assert seen.source == expected
        if seen.status == 200:
            assert seen.answer.body.decode() == body


CITIZENS = st.sampled_from(["siti", "budi", ""])


@given(
    policy=POLICIES,
    steps=st.lists(st.tuples(CITIZENS, CITIZENS, SAID, st.integers(0, 9), ASKED), min_size=2, max_size=12),
)
@settings(max_examples=300, deadline=None)
def test_nothing_made_for_one_citizen_reaches_another_unless_the_agency_shares_it(
    policy: CachePolicy, steps: list[tuple[str, str, Said, int, Asked]]
) -> None:
    world = World(policy)
    shared: dict[bytes, bool] = {}
    for number, (login, cookie, said, wait_seconds, asked) in enumerate(steps):
        body = f"{number} {login} {cookie}".encode()
        shared[body] = said.s_maxage is not None or bool(said.flags.intersection(SHARING))
        cookies = f"\nCookie: who={cookie}" if cookie else ""
        seen = world.ask(
            Reply(said.fields(number, varies=False), body=body), fields=asked.fields() + cookies, authorized=bool(login)
        )
        world.wait(wait_seconds)
        if seen.answer.body not in (body, b""):
            _, made_for, with_cookie = seen.answer.body.decode().split(" ")
            assert shared[seen.answer.body] or not (made_for or with_cookie)
