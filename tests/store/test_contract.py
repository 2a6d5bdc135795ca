"""One contract, every store: memory, one Redis, TLS with an ACL user, Sentinel, Cluster."""

from __future__ import annotations

import asyncio
import secrets

from gateway.clock import ManualClock
from gateway.registry.snapshot import StorePolicy
from gateway.rules.quota import Charge, QuotaPolicy, is_admitted
from gateway.store.open import is_shared, open_store
from gateway.store.ports import Place, Store, Turn, Values

# An hour a unit: no budget comes back while a test runs, whatever the server's clock does.
HOUR = 3600.0


def caller(kind: str = "citizen") -> bytes:
    """Name somebody nobody has counted yet."""
    return f"{kind}:{secrets.token_hex(8)}".encode()


def limit(burst: int, name: str = "permits", **settings: object) -> QuotaPolicy:
    return QuotaPolicy(name, burst, burst * HOUR, burst, **settings)  # type: ignore[arg-type]  # settings of many types


async def admitted(store: Store, charges: list[Charge], times: int) -> int:
    verdicts = [await store.take(charges) for _ in range(times)]
    return sum(is_admitted(charges, given) for given in verdicts)


class TestTake:
    async def test_a_burst_is_admitted_to_the_unit(self, store: Store) -> None:
        charges = [Charge(caller(), limit(7))]
        assert await admitted(store, charges, 10) == 7

    async def test_verdicts_count_down_and_tell_when_to_come_back(self, store: Store) -> None:
        charge = Charge(caller(), limit(2))
        given = [(await store.take([charge]))[0] for _ in range(3)]
        assert [(verdict.allowed, verdict.remaining) for verdict in given] == [(True, 1), (True, 0), (False, 0)]
        assert given[0].retry_after_seconds == 0
        assert HOUR - 60 < given[2].retry_after_seconds <= HOUR
        assert 2 * HOUR - 60 < given[2].reset_seconds <= 2 * HOUR

    async def test_concurrent_requests_are_admitted_to_the_unit(self, store: Store) -> None:
        charges = [Charge(caller(), limit(100))]
        given = await asyncio.gather(*(admitted(store, charges, 10) for _ in range(20)))
        assert sum(given) == 100

    async def test_cost_is_counted(self, store: Store) -> None:
        assert await admitted(store, [Charge(caller(), limit(10, cost=3))], 5) == 3

    async def test_callers_do_not_share_a_bucket(self, store: Store) -> None:
        policy = limit(1)
        assert await admitted(store, [Charge(caller(), policy)], 2) == 1
        assert await admitted(store, [Charge(caller(), policy)], 2) == 1

    async def test_limits_of_one_caller_do_not_share_a_bucket(self, store: Store) -> None:
        who = caller()
        assert await admitted(store, [Charge(who, limit(1))], 2) == 1
        assert await admitted(store, [Charge(who, limit(1, "complaints"))], 2) == 1

    async def test_nothing_charged_is_nothing_denied(self, store: Store) -> None:
        assert await store.take([]) == ()

    async def test_a_limit_with_an_odd_interval_is_kept_exactly(self, store: Store) -> None:
        odd = QuotaPolicy("seven a day", 7, 86_400, 7)
        charges = [Charge(caller(), odd)]
        assert await admitted(store, charges, 9) == 7
        (verdict,) = await store.peek(charges)
        assert 86_400 / 7 - 60 < verdict.retry_after_seconds <= 86_400 / 7

    async def test_a_very_long_name_works(self, store: Store) -> None:
        assert await admitted(store, [Charge(caller(), limit(2, "/v1/" + "x" * 200))], 3) == 2


class TestSeveral:
    async def test_all_are_charged_or_none(self, store: Store) -> None:
        who = caller()
        few, many = Charge(who, limit(2, "few")), Charge(who, limit(9, "many"))
        assert await admitted(store, [few, many], 5) == 2
        verdicts = await store.peek([few, many])
        assert [(verdict.allowed, verdict.remaining) for verdict in verdicts] == [(False, 0), (True, 7)]

    async def test_the_order_of_limits_is_the_order_of_verdicts(self, store: Store) -> None:
        who, agency = caller(), caller("service")
        charges = [Charge(who, limit(5, "a")), Charge(agency, limit(6, "b")), Charge(who, limit(7, "c"))]
        assert [verdict.remaining for verdict in await store.take(charges)] == [4, 5, 6]

    async def test_limits_of_different_callers_are_charged_all_or_none(self, store: Store) -> None:
        """In a cluster these live on different servers; what was charged before the denial is refunded."""
        charges = [Charge(caller("service"), limit(20, "service")) for _ in range(8)]
        charges.insert(4, Charge(caller(), limit(3, "citizen")))
        assert await admitted(store, charges, 6) == 3
        given = await store.take(charges)
        assert [verdict.remaining for verdict in given] == [17] * 4 + [0] + [17] * 4
        assert [verdict.allowed for verdict in given] == [True] * 4 + [False] + [True] * 4
        assert [verdict.remaining for verdict in await store.peek(charges)] == [17] * 4 + [0] + [17] * 4

    async def test_a_shadow_limit_counts_and_stops_nobody(self, store: Store) -> None:
        who = caller()
        shadow, real = Charge(who, limit(2, "shadow", mode="shadow")), Charge(who, limit(4, "real"))
        given = [await store.take([shadow, real]) for _ in range(5)]
        assert [verdicts[0].allowed for verdicts in given] == [True, True, False, False, False]
        assert [verdicts[1].allowed for verdicts in given] == [True, True, True, True, False]

    async def test_a_denied_request_is_not_counted_by_a_shadow_limit(self, store: Store) -> None:
        who = caller()
        shadow, real = Charge(who, limit(9, "shadow", mode="shadow")), Charge(who, limit(1, "real"))
        assert await admitted(store, [shadow, real], 3) == 1
        assert (await store.peek([shadow]))[0].remaining == 8


class TestPeekAndReset:
    async def test_peek_charges_nothing(self, store: Store) -> None:
        charge = Charge(caller(), limit(3))
        await store.take([charge])
        for _ in range(5):
            (verdict,) = await store.peek([charge])
            assert (verdict.allowed, verdict.remaining) == (True, 2)

    async def test_reset_forgets_every_limit_of_a_caller_and_no_one_elses(self, store: Store) -> None:
        who, other = caller(), caller()
        charges = [Charge(who, limit(1, "a")), Charge(who, limit(1, "b"))]
        bystander = [Charge(other, limit(1, "a"))]
        assert await admitted(store, charges, 2) == 1
        assert await admitted(store, bystander, 2) == 1
        await store.reset([who])
        assert await admitted(store, charges, 2) == 1
        assert await admitted(store, bystander, 2) == 0


class TestGrantAndRefund:
    async def test_the_first_size_that_fits_is_granted(self, store: Store) -> None:
        charge = Charge(caller(), limit(10))
        sizes = (8, 4, 2, 1)
        granted = [(await store.grant(charge, sizes)).requests for _ in range(3)]
        assert granted == [8, 2, 0]
        refused = (await store.grant(charge, sizes)).verdict
        assert not refused.allowed
        assert HOUR - 60 < refused.retry_after_seconds <= HOUR

    async def test_what_is_refunded_can_be_taken_again(self, store: Store) -> None:
        charge = Charge(caller(), limit(10))
        grant = await store.grant(charge, (10,))
        await store.refund(charge, 4, grant.charged_at)
        assert await admitted(store, [charge], 10) == 4

    async def test_nothing_is_refunded_to_a_bucket_that_was_reset(self, store: Store) -> None:
        charge = Charge(caller(), limit(5))
        grant = await store.grant(charge, (5,))
        await store.reset([charge.key])
        await store.refund(charge, 5, grant.charged_at)
        assert await admitted(store, [charge], 7) == 5


class TestLife:
    async def test_it_answers_and_says_so(self, store: Store) -> None:
        await store.ping()
        assert store.health().status == "pass"

    async def test_two_gateways_see_the_same_state_or_say_that_they_do_not(self, policy: StorePolicy) -> None:
        one, other = open_store(policy, ManualClock()), open_store(policy, ManualClock())
        charges = [Charge(caller(), limit(5))]
        total = await admitted(one, charges, 4) + await admitted(other, charges, 4)
        assert total == (5 if is_shared(policy) else 8)
        await one.aclose()
        await other.aclose()


class TestValues:
    async def test_one_of_many_has_the_turn_until_it_keeps_what_it_got(self, values: Values) -> None:
        place = somewhere()
        first = await values.claim(place, b"", b"one", 60)
        second = await values.claim(place, b"", b"two", 60)
        assert (first.turn, second.turn) == (Turn.OURS, Turn.THEIRS)
        assert first.mark == second.mark != b""
        assert await values.keep(place, VALUE, 60, first.mark, b"one")
        found = await values.claim(place, b"", b"two", 60)
        assert found == (Turn.FOUND, first.mark, VALUE)

    async def test_what_was_seen_is_not_found_again_and_the_turn_is_free(self, values: Values) -> None:
        place = somewhere()
        await kept(values, place)
        assert (await values.claim(place, VALUE[:16], b"two", 60)).turn is Turn.OURS
        assert (await values.claim(place, b"another stamp 16", b"three", 60)).turn is Turn.FOUND

    async def test_who_wants_no_turn_takes_none(self, values: Values) -> None:
        place = somewhere()
        assert await values.claim(place, b"", b"", 60) == (Turn.NOBODYS, b"", None)
        assert (await values.claim(place, b"", b"one", 60)).turn is Turn.OURS

    async def test_a_turn_ends_by_itself_when_its_owner_is_not_heard_of(
        self, values: Values, clock: ManualClock
    ) -> None:
        place = somewhere()
        assert (await values.claim(place, b"", b"one", 0.001)).turn is Turn.OURS
        clock.advance(0.001)  # memory's time; a server's goes by itself
        while (await values.claim(place, b"", b"two", 60)).turn is not Turn.OURS:
            await asyncio.sleep(0)
        assert (await values.claim(place, b"", b"two", 60)).turn is Turn.OURS  # and is held by saying so again

    async def test_only_its_owner_ends_a_turn(self, values: Values) -> None:
        place = somewhere()
        await values.claim(place, b"", b"one", 60)
        await values.release(place, b"two", 60, drop=False)
        assert (await values.claim(place, b"", b"two", 60)).turn is Turn.THEIRS
        await values.release(place, b"one", 0, drop=False)
        assert (await values.claim(place, b"", b"two", 60)).turn is Turn.OURS

    async def test_a_turn_that_brought_nothing_to_share_lets_everybody_go(self, values: Values) -> None:
        place = somewhere()
        await kept(values, place)
        await values.claim(place, VALUE[:16], b"one", 60)
        await values.release(place, b"one", 60, drop=True)
        for token in (b"two", b"three"):
            assert (await values.claim(place, b"", token, 60)).turn is Turn.NOBODYS

    async def test_what_is_forgotten_meanwhile_is_not_kept(self, values: Values) -> None:
        place = somewhere()
        mark = (await values.claim(place, b"", b"one", 60)).mark
        await values.forget(place.group)
        assert not await values.keep(place, VALUE, 60, mark, b"one")
        assert (await values.claim(place, b"", b"two", 60)).mark != mark

    async def test_what_was_kept_before_it_was_forgotten_has_another_mark(self, values: Values) -> None:
        place = somewhere()
        mark = await kept(values, place)
        await values.forget(place.group)
        assert (await values.claim(place, b"", b"", 60)) == (Turn.FOUND, b"", VALUE)
        assert (await values.claim(place, VALUE[:16], b"two", 60)).mark not in (mark, b"")

    async def test_purges_are_numbered_in_their_order(self, values: Values) -> None:
        one, other = secrets.token_bytes(8), secrets.token_bytes(8)
        before = await values.purges([one, other])
        assert before.noted == (None, None)
        await values.purge(one, 1_000.5, of_tag=False)
        await values.purge(other, 2_000.0, of_tag=True)
        after = await values.purges([one, other])
        first, second = (noted.split(b" ") for noted in after.noted if noted is not None)
        assert before.name == after.name
        assert before.number < int(first[0]) < int(second[0]) == after.number == after.of_tags
        assert (float(first[1]), float(second[1])) == (1_000.5, 2_000.0)


VALUE = b"the stamp of 16." + b"\x00binary\r\n"


def somewhere() -> Place:
    return Place(secrets.token_hex(8).encode(), secrets.token_hex(4).encode())


async def kept(values: Values, place: Place) -> bytes:
    """Have VALUE kept there; return the mark of its group."""
    mark = (await values.claim(place, b"", b"one", 60)).mark
    assert await values.keep(place, VALUE, 60, mark, b"one")
    return mark
