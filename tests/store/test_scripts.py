"""The Lua scripts are the rule in rules/quota.py, to the unit, at the server's own time."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.registry.store_address import parse_store_url
from gateway.rules.quota import QuotaPolicy, decide, decide_all, grant, refund
from gateway.store.dial import Argument, Dial, Link, pack
from gateway.store.scripts import Script, load_scripts
from tests.certificates import HOST
from tests.store.conftest import Servers

SCRIPTS = load_scripts()


@st.composite
def policies(draw: st.DrawFn) -> QuotaPolicy:
    """Limits so tight and so quick that a script's own running time changes the answer."""
    burst = draw(st.integers(1, 9))
    return QuotaPolicy(
        draw(st.sampled_from("abc")),
        draw(st.sampled_from([1, 3, 7, 60, 999_983])),
        draw(st.sampled_from([0.001, 0.01, 1, 60, 86_400])),
        burst,
        cost=draw(st.integers(1, burst)),
        mode=draw(st.sampled_from(["enforce", "shadow"])),
    )


def run_with_link(servers: Servers, body: object) -> None:
    """Run an async body on a connection of its own."""
    servers.ready("single")

    async def run() -> None:
        dial = Dial(parse_store_url(servers.single.url), SCRIPTS)
        link = await dial.data((HOST, servers.single.port))
        try:
            await body(link)  # type: ignore[operator]  # a coroutine function
        finally:
            await link.hang_up()

    asyncio.run(run())


async def call(link: Link, script: Script, keys: list[bytes], *arguments: Argument) -> list[int]:
    reply = await link.ask(pack("EVALSHA", script.sha, len(keys), *keys, *arguments))
    assert isinstance(reply, list)
    return reply


def base(policy: QuotaPolicy) -> list[Argument]:
    return [policy.name, policy.limit]


def pair(ticks: int, policy: QuotaPolicy) -> tuple[int, int]:
    return divmod(ticks, policy.limit)


@settings(max_examples=60, deadline=None)
@given(
    limits=st.lists(policies(), min_size=1, max_size=3, unique_by=lambda policy: policy.name), times=st.integers(1, 15)
)
def test_take_equals_the_rule(servers: Servers, limits: list[QuotaPolicy], times: int) -> None:
    async def body(link: Link) -> None:
        keys = [secrets.token_bytes(8)] * len(limits)
        arguments: list[Argument] = []
        for limit in limits:
            arguments += [*base(limit), *pair(limit.cost_ticks, limit), *pair(limit.burst_ticks, limit)]
            arguments.append(int(limit.mode == "enforce"))
        states: tuple[int, ...] = (0,) * len(limits)
        for _ in range(times):
            now, *reply = await call(link, SCRIPTS.take, keys, *arguments)
            verdicts, states = decide_all(states, now, limits)
            kept = [us * limit.limit + rest for limit, us, rest in zip(limits, reply[::3], reply[1::3], strict=True)]
            # What is idle the rule keeps as it was; the script tells it as of now.
            assert kept == [max(state, now * limit.limit) for state, limit in zip(states, limits, strict=True)]
            assert reply[2::3] == [int(verdict.allowed) for verdict in verdicts]

    run_with_link(servers, body)


@settings(max_examples=40, deadline=None)
@given(limit=policies(), steps=st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=15))
def test_lease_and_refund_equal_the_rule(servers: Servers, limit: QuotaPolicy, steps: list[tuple[bool, int]]) -> None:
    async def body(link: Link) -> None:
        keys, state, charged_at = [secrets.token_bytes(8)], 0, 0
        burst = pair(limit.burst_ticks, limit)
        for is_lease, requests in steps:
            if is_lease:
                sizes = [requests, 1]
                costs = [number for size in sizes for number in (size, *pair(size * limit.cost_ticks, limit))]
                now, us, rest, granted = await call(link, SCRIPTS.lease, keys, *base(limit), *burst, *costs)
                expected, state = grant(state, now, limit, sizes)
                charged_at = now
                assert granted == expected
            else:
                cost = pair(requests * limit.cost_ticks, limit)
                now, us, rest = await call(link, SCRIPTS.refund, keys, *base(limit), *burst, *cost, charged_at)
                state = refund(state, now, limit, requests, charged_at)
            assert us * limit.limit + rest == max(state, now * limit.limit)

    run_with_link(servers, body)


def test_every_key_has_an_end_and_it_is_when_the_last_limit_is_as_good_as_new(servers: Servers) -> None:
    async def body(link: Link) -> None:
        key = secrets.token_bytes(8)
        short, long = QuotaPolicy("short", 60, 60, 60), QuotaPolicy("long", 10, 86_400, 10)
        for limit in (long, short, short):
            cost, burst = pair(limit.cost_ticks, limit), pair(limit.burst_ticks, limit)
            await call(link, SCRIPTS.take, [key], *base(limit), *cost, *burst, 1)
        ends = await link.ask(pack("PTTL", key))
        assert isinstance(ends, int)
        assert 8_640_000 - 60_000 < ends <= 8_640_001

    run_with_link(servers, body)


def test_a_state_beyond_the_burst_is_lowered_as_the_rule_lowers_it(servers: Servers) -> None:
    """A clock that stepped back, or a burst that was cut by a reload."""

    async def body(link: Link) -> None:
        key, wide, narrow = secrets.token_bytes(8), QuotaPolicy("p", 60, 60, 50), QuotaPolicy("p", 60, 60, 3)
        arguments: list[Argument] = [*base(wide), *pair(wide.burst_ticks, wide), 50, *pair(50 * wide.cost_ticks, wide)]
        now, us, rest, _ = await call(link, SCRIPTS.lease, [key], *arguments)
        state = us * wide.limit + rest
        arguments = [*base(narrow), *pair(narrow.cost_ticks, narrow), *pair(narrow.burst_ticks, narrow), 1]
        now, us, rest, allowed = await call(link, SCRIPTS.take, [key], *arguments)
        verdict, lowered = decide(state, now, narrow)
        assert (us * narrow.limit + rest, bool(allowed)) == (lowered, verdict.allowed) == (lowered, False)
        later, us, rest = await call(link, SCRIPTS.peek, [key], *base(narrow), *pair(narrow.burst_ticks, narrow))
        assert us * narrow.limit + rest == max(lowered, later * narrow.limit)
        now, us, rest, granted = await call(
            link,
            SCRIPTS.lease,
            [key],
            *base(narrow),
            *pair(narrow.burst_ticks, narrow),
            1,
            *pair(narrow.cost_ticks, narrow),
        )
        assert (us * narrow.limit + rest, granted) == (lowered, 0)

    run_with_link(servers, body)


def test_the_server_knows_a_script_by_the_name_we_give_it() -> None:
    assert len({script.sha for script in SCRIPTS.all}) == len(SCRIPTS.all)
    for script in SCRIPTS.all:
        assert script.sha.decode() == hashlib.sha1(script.text, usedforsecurity=False).hexdigest()
