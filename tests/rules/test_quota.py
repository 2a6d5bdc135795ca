"""Limits are exact: never more than burst + rate x window, and equal to a model written another way."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.quota import (
    MICROSECONDS,
    Charge,
    QuotaKey,
    QuotaPolicy,
    Verdict,
    decide,
    decide_all,
    grant,
    is_admitted,
    peek,
    rate_limit_fields,
    rate_limit_lines,
    refund,
    retry_after_seconds,
    settle,
)

SECOND = MICROSECONDS
START = 1_800_000_000 * SECOND


def policy(limit: int = 60, every: float = 60, burst: int | None = None, **settings: object) -> QuotaPolicy:
    plain = QuotaPolicy("permits", limit, every, limit if burst is None else burst)
    return dataclasses.replace(plain, **settings)  # type: ignore[arg-type]  # settings of many types


@st.composite
def policies(draw: st.DrawFn) -> QuotaPolicy:
    burst = draw(st.integers(1, 12))
    return QuotaPolicy(
        "p",
        draw(st.integers(1, 13)),
        draw(st.sampled_from([0.001, 0.7, 1, 3, 60, 86_400])),
        burst,
        cost=draw(st.integers(1, burst)),
        mode=draw(st.sampled_from(["enforce", "shadow"])),
    )


gaps = st.lists(st.integers(0, 90 * SECOND), min_size=1, max_size=40)


@dataclass
class Bucket:
    """The same promise as a leaking bucket in fractions: level, leak, brim. Shares no line with the code."""

    policy: QuotaPolicy
    level: Fraction = Fraction(0)
    at: int = START

    @property
    def rate(self) -> Fraction:
        return Fraction(self.policy.limit) / (Fraction(str(self.policy.period_seconds)) * SECOND)

    def leak(self, now: int) -> None:
        self.level = max(Fraction(0), self.level - self.rate * (now - self.at))
        self.at = now

    def would_fit(self, now: int) -> bool:
        self.leak(now)
        return self.level + self.policy.cost <= self.policy.burst

    def verdict(self, *, allowed: bool) -> Verdict:
        missing = max(Fraction(0), self.level + self.policy.cost - self.policy.burst)
        return Verdict(
            allowed,
            floor(self.policy.burst - self.level),
            0.0 if allowed else float(missing / self.rate / SECOND),
            float(self.level / self.rate / SECOND),
        )


def assert_equal(given: Verdict, expected: Verdict) -> None:
    assert (given.allowed, given.remaining) == (expected.allowed, expected.remaining)
    assert given.retry_after_seconds == pytest.approx(expected.retry_after_seconds, abs=1e-9)
    assert given.reset_seconds == pytest.approx(expected.reset_seconds, abs=1e-9)


def assert_within_limit(policy: QuotaPolicy, admitted: list[int]) -> None:
    """In every window that begins and ends with an admitted request."""
    rate = Bucket(policy).rate
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            used = (last - first + 1) * policy.cost
            assert used <= policy.burst + rate * (admitted[last] - begin)


class TestOneLimit:
    def test_a_burst_passes_at_once_and_the_next_request_waits_one_interval(self) -> None:
        limit, tat = policy(60, 60, burst=3), 0
        for left in (2, 1, 0):
            verdict, tat = decide(tat, START, limit)
            assert (verdict.allowed, verdict.remaining, verdict.retry_after_seconds) == (True, left, 0.0)
        verdict, tat = decide(tat, START, limit)
        assert verdict == Verdict(False, 0, 1.0, 3.0)
        assert not decide(tat, START + SECOND - 1, limit)[0].allowed
        assert decide(tat, START + SECOND, limit)[0].allowed

    def test_seven_a_minute_is_seven_in_the_next_minute_too(self) -> None:
        limit, tat = policy(7, 60), 0
        for minute in range(3):
            for _ in range(7):
                verdict, tat = decide(tat, START + minute * 60 * SECOND, limit)
                assert verdict.allowed
            assert not decide(tat, START + minute * 60 * SECOND, limit)[0].allowed

    def test_a_costly_request_uses_its_cost_and_waits_for_all_of_it(self) -> None:
        limit = policy(60, 60, burst=5, cost=2)
        _, tat = decide(0, START, limit)
        verdict, tat = decide(tat, START, limit)
        assert (verdict.allowed, verdict.remaining) == (True, 1)
        verdict, _ = decide(tat, START, limit)
        assert verdict == Verdict(False, 1, 1.0, 4.0)

    @given(policies(), gaps)
    def test_equals_the_model_at_every_step(self, limit: QuotaPolicy, waits: list[int]) -> None:
        tat, now, model = 0, START, Bucket(limit)
        for wait in waits:
            now += wait
            fits = model.would_fit(now)
            assert_equal(peek(tat, now, limit), model.verdict(allowed=fits))
            verdict, tat = decide(tat, now, limit)
            if fits:
                model.level += limit.cost
            assert_equal(verdict, model.verdict(allowed=fits))

    @given(policies(), gaps)
    def test_admits_at_most_burst_and_rate_in_every_window(self, limit: QuotaPolicy, waits: list[int]) -> None:
        tat, now, admitted = 0, START, []
        for wait in waits:
            now += wait
            verdict, tat = decide(tat, now, limit)
            if verdict.allowed:
                admitted.append(now)
        assert_within_limit(limit, admitted)

    @given(policies(), gaps)
    def test_a_denied_request_changes_nothing(self, limit: QuotaPolicy, waits: list[int]) -> None:
        tat, now = 0, START
        for wait in waits:
            now += wait
            verdict, after = decide(tat, now, limit)
            assert verdict.allowed == (after != tat)
            tat = after

    @given(policies(), gaps)
    def test_who_waits_as_told_is_admitted_and_not_a_microsecond_earlier(
        self, limit: QuotaPolicy, waits: list[int]
    ) -> None:
        tat, now = 0, START
        for wait in waits:
            now += wait
            verdict, tat = decide(tat, now, limit)
            if not verdict.allowed:
                told = verdict.retry_after_seconds * SECOND
                assert peek(tat, now + ceil(round(told, 3)), limit).allowed
                assert not peek(tat, now + floor(told) - 1, limit).allowed

    def test_a_clock_that_steps_back_locks_nobody_out_for_longer_than_the_burst(self) -> None:
        limit = policy(60, 60, burst=3)
        _, tat = decide(0, START, limit)
        an_hour_ago = START - 3600 * SECOND
        verdict, lowered = decide(tat, an_hour_ago, limit)
        assert verdict == Verdict(False, 0, 1.0, 3.0)
        assert lowered < tat
        assert decide(lowered, an_hour_ago + SECOND, limit)[0].allowed

    def test_a_bucket_of_long_ago_is_as_good_as_new(self) -> None:
        limit = policy(60, 60, burst=3)
        assert settle(17, START, limit) == START * limit.limit
        assert peek(17, START, limit) == peek(0, START, limit)


class TestSeveralLimits:
    MINUTE, DAY = policy(3, 60, name="minute"), policy(5, 86_400, name="day")

    def test_all_are_charged_together(self) -> None:
        verdicts, states = decide_all((0, 0), START, (self.MINUTE, self.DAY))
        assert [(v.allowed, v.remaining) for v in verdicts] == [(True, 2), (True, 4)]
        assert all(states)

    def test_one_denial_charges_none_and_shows_the_others_untouched(self) -> None:
        states: tuple[int, ...] = (0, 0)
        for _ in range(3):
            _, states = decide_all(states, START, (self.MINUTE, self.DAY))
        verdicts, after = decide_all(states, START, (self.MINUTE, self.DAY))
        assert after == states
        assert [(v.allowed, v.remaining) for v in verdicts] == [(False, 0), (True, 2)]

    def test_a_shadow_limit_counts_and_reports_and_stops_nobody(self) -> None:
        shadow = dataclasses.replace(self.MINUTE, mode="shadow")
        states: tuple[int, ...] = (0, 0)
        for _ in range(4):
            verdicts, states = decide_all(states, START, (shadow, self.DAY))
        assert [v.allowed for v in verdicts] == [False, True]
        assert verdicts[1].remaining == 1
        assert is_admitted((Charge(b"k", shadow), Charge(b"k", self.DAY)), verdicts)

    def test_a_bucket_locked_by_a_clock_that_stepped_back_is_freed_though_another_charges_nothing(self) -> None:
        an_hour_ago = START - 3600 * SECOND
        ahead = decide(0, START, self.MINUTE)[1]
        (minute, day), states = decide_all((ahead, 0), an_hour_ago, (self.MINUTE, self.DAY))
        assert (minute.allowed, day.allowed) == (False, True)
        assert states == (settle(ahead, an_hour_ago, self.MINUTE), 0)

    @given(st.lists(policies(), min_size=1, max_size=3), gaps)
    def test_equals_the_model_at_every_step(self, limits: list[QuotaPolicy], waits: list[int]) -> None:
        now, models = START, [Bucket(limit) for limit in limits]
        states: tuple[int, ...] = (0,) * len(limits)
        for wait in waits:
            now += wait
            fits = [model.would_fit(now) for model in models]
            admitted = all(fit or limit.mode == "shadow" for fit, limit in zip(fits, limits, strict=True))
            verdicts, states = decide_all(states, now, limits)
            for model, fit, verdict in zip(models, fits, verdicts, strict=True):
                model.level += model.policy.cost if fit and admitted else 0
                assert_equal(verdict, model.verdict(allowed=fit))
            assert is_admitted([Charge(b"k", limit) for limit in limits], verdicts) == admitted


class TestGrantAndRefund:
    def test_grants_the_first_size_that_fits(self) -> None:
        limit = policy(60, 60, burst=10)
        granted, tat = grant(0, START, limit, (8, 4, 2, 1))
        assert granted == 8
        granted, tat = grant(tat, START, limit, (8, 4, 2, 1))
        assert granted == 2
        assert grant(tat, START, limit, (8, 4, 2, 1)) == (0, tat)

    def test_a_grant_of_nothing_leaves_the_bucket_save_one_that_this_clock_cannot_have_made(self) -> None:
        limit = policy(60, 60, burst=10)
        assert grant(0, START, limit, (11,)) == (0, 0)
        ahead = START * limit.limit + 2 * limit.burst_ticks
        assert grant(ahead, START, limit, (1,)) == (0, settle(ahead, START, limit))

    def test_a_refund_at_once_gives_everything_back(self) -> None:
        limit = policy(60, 60, burst=10)
        _, tat = grant(0, START, limit, (8,))
        assert peek(refund(tat, START, limit, 8, START), START, limit).remaining == 10

    def test_a_refund_of_more_than_was_used_leaves_an_unused_bucket(self) -> None:
        limit = policy(60, 60, burst=10)
        assert refund(0, START, limit, 3, START) == START * limit.limit

    def test_a_refund_gives_no_more_than_has_not_drained(self) -> None:
        limit = policy(60, 60, burst=10)
        _, tat = grant(0, START, limit, (8,))
        later = START + 3 * SECOND
        _, tat = grant(tat, later, limit, (5,))
        assert peek(refund(tat, later, limit, 8, START), later, limit).remaining == 5
        assert refund(tat, later, limit, 2, START) == settle(tat, later, limit)

    @dataclass
    class History:
        admitted: list[int] = field(default_factory=list)
        pending: list[int] = field(default_factory=list)

    @given(policies(), st.lists(st.tuples(st.integers(0, 3 * SECOND), st.booleans(), st.booleans()), max_size=40))
    def test_refunds_never_let_anyone_exceed_the_limit(
        self, limit: QuotaPolicy, steps: list[tuple[int, bool, bool]]
    ) -> None:
        tat, now, history = 0, START, self.History()
        for wait, gives_back, is_kept in steps:
            now += wait
            if gives_back and history.pending:
                tat = refund(tat, now, limit, 1, history.pending.pop())
                continue
            verdict, tat = decide(tat, now, limit)
            if verdict.allowed:
                (history.admitted if is_kept else history.pending).append(now)
        assert_within_limit(limit, history.admitted)


class TestPolicy:
    @pytest.mark.parametrize(
        "wrong", [{"limit": 0}, {"period_seconds": 0}, {"burst": 0}, {"cost": 0}, {"period_seconds": 1e-7}]
    )
    def test_numbers_that_make_no_limit_are_refused(self, wrong: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="must all be positive"):
            dataclasses.replace(policy(), **wrong)  # type: ignore[arg-type]  # numbers for several fields

    def test_a_cost_that_never_fits_is_refused_with_a_remedy(self) -> None:
        with pytest.raises(ValueError, match="cost 4 never fits a burst of 3; raise burst"):
            policy(60, burst=3, cost=4)

    def test_the_interval_is_the_time_of_one_unit(self) -> None:
        assert policy(120, 60).interval_seconds == 0.5


def rendered(*pairs: tuple[QuotaPolicy, Verdict]) -> dict[bytes, bytes]:
    charges = [Charge(b"k", limit) for limit, _ in pairs]
    return dict(rate_limit_fields(charges, [verdict for _, verdict in pairs]))


class TestDefaults:
    def test_unless_told_otherwise_each_citizen_is_counted_exactly_and_refused(self) -> None:
        plain = QuotaPolicy("p", 1, 1, 1)
        assert (plain.by, plain.cost, plain.accuracy) == (QuotaKey("citizen"), 1, "exact")
        assert (plain.mode, plain.on_store_failure) == ("enforce", "local")


class TestFields:
    """draft-ietf-httpapi-ratelimit-headers-11."""

    def test_an_admitted_request_is_told_what_is_left_and_when_all_is_back(self) -> None:
        assert rendered((policy(60, 60), Verdict(True, 58, 0.0, 1.2))) == {
            b"ratelimit": b'"permits";r=58;t=2',
            b"ratelimit-policy": b'"permits";q=60;w=60',
        }

    def test_who_used_the_last_unit_is_told_when_the_next_comes(self) -> None:
        limit, tat = policy(60, 60, burst=3), 0
        for _ in range(3):
            verdict, tat = decide(tat, START, limit)
        assert rendered((limit, verdict))[b"ratelimit"] == b'"permits";r=0;t=1'

    def test_several_limits_are_one_list(self) -> None:
        day = policy(500, 86_400, name="day")
        assert rendered((policy(60, 60), Verdict(True, 1, 0, 59)), (day, Verdict(True, 499, 0, 172.8))) == {
            b"ratelimit": b'"permits";r=1;t=59, "day";r=499;t=173',
            b"ratelimit-policy": b'"permits";q=60;w=60, "day";q=500;w=86400',
        }

    def test_a_denied_request_is_told_only_of_the_limits_that_denied_it(self) -> None:
        day = policy(500, 86_400, name="day")
        charges = (Charge(b"k", policy(60, 60, cost=2)), Charge(b"k", day))
        verdicts = (Verdict(False, 1, 0.3, 59.3), Verdict(True, 400, 0, 17_280))
        fields = dict(rate_limit_fields(charges, verdicts))
        assert fields[b"ratelimit"] == b'"permits";r=0;t=1'
        assert fields[b"ratelimit-policy"].count(b"q=") == 2
        assert retry_after_seconds(charges, verdicts) == 1

    def test_shadow_limits_are_not_told(self) -> None:
        assert rendered((policy(mode="shadow"), Verdict(False, 0, 9, 9))) == {}
        shadow_and_real = rendered((policy(mode="shadow"), Verdict(False, 0, 9, 9)), (policy(), Verdict(True, 5, 0, 1)))
        assert shadow_and_real[b"ratelimit"] == b'"permits";r=5;t=1'

    def test_a_period_below_a_second_is_told_as_one(self) -> None:
        assert rendered((policy(5, 0.25), Verdict(True, 4, 0, 0.05)))[b"ratelimit-policy"] == b'"permits";q=5;w=1'

    def test_names_are_structured_field_strings(self) -> None:
        assert policy(name=" ~").label == b'" ~"'
        limit = policy(name='a"b\\c\u00e9\n')
        assert rendered((limit, Verdict(True, 5, 0, 1)))[b"ratelimit"] == b'"a\\"b\\\\c__";r=5;t=1'

    def test_retry_after_is_the_longest_wait_in_whole_seconds_rounded_up(self) -> None:
        charges = [Charge(b"k", policy()), Charge(b"k", policy()), Charge(b"k", policy(mode="shadow"))]
        verdicts = [Verdict(False, 0, 0.01, 9), Verdict(False, 0, 2.01, 9), Verdict(False, 0, 50, 90)]
        assert retry_after_seconds(charges, verdicts) == 3
        assert retry_after_seconds(charges[:1], verdicts[:1]) == 1
        assert retry_after_seconds(charges[2:], verdicts[2:]) == 0


@given(
    st.lists(
        st.tuples(policies(), st.sampled_from(["p", 'all "100 %" of it', "%d %b"]), st.integers(0, 30)), max_size=3
    )
)
def test_the_lines_of_a_head_say_what_the_fields_say(limits: list[tuple[QuotaPolicy, str, int]]) -> None:
    charges, verdicts = [], []
    for limit, name, before in limits:
        counted = dataclasses.replace(limit, name=name)
        tat = 0
        for _ in range(before):
            _, tat = decide(tat, START, counted)
        charges.append(Charge(b"siti", counted))
        verdicts.append(decide(tat, START, counted)[0])
    fields = rate_limit_fields(charges, verdicts)
    assert rate_limit_lines(charges, verdicts) == b"".join(b"%b: %b\r\n" % field for field in fields)
