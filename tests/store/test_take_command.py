"""A command that is written once for many calls is, byte for byte, the one that would be written each time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.dial import Argument, pack
from gateway.store.take_command import TakeCommand

_SHA = b"a" * 40
_KEYS = st.binary(min_size=12, max_size=12)
_POLICIES = [QuotaPolicy(f"p{number}", number, 60.0, number) for number in range(1, 5)]


def told(policy: QuotaPolicy) -> tuple[Argument, ...]:
    return policy.name, policy.limit, policy.period_us


@given(st.lists(st.lists(st.tuples(_KEYS, st.sampled_from(_POLICIES)), min_size=1, max_size=4), max_size=6))
def test_it_is_as_if_written_anew(calls: list[list[tuple[bytes, QuotaPolicy]]]) -> None:
    command = TakeCommand(_SHA, told)
    for call in calls:
        charges, keys = [Charge(b"citizen:x", policy) for _, policy in call], [key for key, _ in call]
        arguments = [argument for _, policy in call for argument in told(policy)]
        assert command.write(charges, keys) == pack("EVALSHA", _SHA, len(keys), *keys, *arguments)


def test_a_changed_limit_of_the_same_name_is_another() -> None:
    """As after so many reloads: former limits are gone, and a new one may stand where one of them stood."""
    command, key = TakeCommand(_SHA, told), b"k" * 12
    for limit in range(1, 5_000):
        policy = QuotaPolicy("p", limit, 60.0, limit)
        written = command.write([Charge(b"citizen:x", policy)], [key])
        assert written == pack("EVALSHA", _SHA, 1, key, "p", limit, 60_000_000)
