"""The pure rules: waiting, pace, spelling, sealing, and that the data files say where their values come from."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from services.identity.identifiers import Handle, Kind, mask, normalise, recognise
from services.identity.policy import POLICY_FILE, load_policy
from services.identity.service import client_address
from services.identity.tests.conftest import City
from services.identity.throttle import Pace, Rule, account_rule
from services.identity.tiers import TIERS_FILE, load_tiers
from services.identity.vault import Vault, create_private, open_vault
from services.kit.problem import Refused
from services.kit.testing import START

RULE = account_rule(load_policy())


@given(st.integers(0, 10_000), st.floats(0, 10**6), st.floats(-(10**5), 10**6))
def test_no_wait_is_negative_or_longer_than_the_longest(failures: int, late: float, moved: float) -> None:
    last = START + timedelta(seconds=late)
    wait = RULE.wait_seconds(failures, last, last + timedelta(seconds=moved))
    assert 0 <= wait <= RULE.max_wait_seconds


@given(st.integers(0, 200))
def test_waiting_as_long_as_told_is_enough(failures: int) -> None:
    wait = RULE.wait_seconds(failures, START, START)
    assert RULE.wait_seconds(failures, START, START + timedelta(seconds=wait)) == 0


def test_failures_are_forgotten() -> None:
    rule = Rule(0, 1000, 1000, timedelta(seconds=10))
    assert rule.wait_seconds(3, START, START + timedelta(seconds=9)) > 0
    assert rule.wait_seconds(3, START, START + timedelta(seconds=10)) == 0


@given(st.integers(1, 20), st.lists(st.floats(0, 30), max_size=60))
def test_a_pace_never_lets_more_through_than_its_limit_in_any_period(limit: int, gaps: list[float]) -> None:
    pace, now, expected = Pace(limit, timedelta(seconds=60)), START, START
    passed: list[datetime] = []
    for gap in gaps:
        now += timedelta(seconds=gap)
        expected, wait = pace.next_arrival(expected, now)
        if not wait:
            passed.append(now)
    for first in passed:
        # GCRA allows the limit at once and then one each interval: at most twice the limit in a period, less one.
        assert sum(first <= each < first + timedelta(seconds=60) for each in passed) <= 2 * limit


@pytest.mark.parametrize(
    ("typed", "handle"),
    [
        ("3671990101900001", Handle(Kind.NIK, "3671990101900001")),
        ("36.7199.010190.0001", Handle(Kind.NIK, "3671990101900001")),
        ("  Budi.S+kota@Example.TEST ", Handle(Kind.EMAIL, "budi.s+kota@example.test")),
        ("0812 3456 7801", Handle(Kind.PHONE, "+6281234567801")),
        ("6281234567801", Handle(Kind.PHONE, "+6281234567801")),
        ("+62-812-3456-7801", Handle(Kind.PHONE, "+6281234567801")),
    ],
)
def test_identifiers_have_one_spelling(typed: str, handle: Handle) -> None:
    assert recognise(typed) == handle
    assert normalise(handle.kind, typed) == handle
    assert handle.value not in repr(handle)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_an_identifier_or_refused(text: str) -> None:
    try:
        handle = recognise(text)
    except Refused:
        return
    assert recognise(handle.value) == handle
    assert mask(handle) != handle.value


def test_a_seal_opens_only_beside_its_owner_and_with_its_root() -> None:
    vault = Vault(b"a" * 32)
    sealed = vault.seal("3671990101900001", owner="row-1")
    assert vault.unseal(sealed, owner="row-1") == "3671990101900001"
    assert b"36719901" not in sealed
    for other, owner in ((vault, "row-2"), (Vault(b"b" * 32), "row-1")):
        with pytest.raises(ValueError, match="sealed with another"):
            other.unseal(sealed, owner=owner)


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_hashes_of_different_parts_differ(one: list[str], other: list[str]) -> None:
    vault = Vault(b"a" * 32)
    assert (vault.mac("x", *one) == vault.mac("x", *other)) == (one == other)
    assert vault.mac("x", *one) != vault.mac("y", *one)


def test_two_processes_that_start_together_share_one_secret(tmp_path: Path) -> None:
    first = open_vault(tmp_path)
    create_private(tmp_path / "root.secret", b"00" * 32)  # comes second and leaves the first one's
    assert open_vault(tmp_path).mac("x", "y") == first.mac("x", "y")


@pytest.mark.parametrize("file", [POLICY_FILE, TIERS_FILE])
def test_every_value_names_its_source_and_whether_it_is_verified(file: Path) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    entries = list(document["values"].values()) if "values" in document else [document]
    for entry in entries:
        assert entry["source"]
        assert isinstance(entry["verified"], bool)


async def test_the_tiers_are_public_in_both_languages_and_labelled_unverified(city: City) -> None:
    indonesian = await city.client.get("/tiers")
    english = await city.client.get("/tiers", headers={"Accept-Language": "en"})
    assert [each["level"] for each in indonesian.json()["items"]] == ["1", "2", "3", "4"]
    assert indonesian.json()["items"][0]["name"] == "Tamu"
    assert english.json()["items"][0]["name"] == "Guest"
    assert indonesian.json()["verified"] is False
    assert english.json() == load_tiers()["en"]


@pytest.mark.parametrize(
    ("forwarded", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
        ("", "127.0.0.9"),
    ],
)
def test_attempts_are_counted_by_the_address_the_gateway_saw(forwarded: str, counted: str) -> None:
    scope = {"type": "http", "headers": [(b"x-forwarded-for", forwarded.encode())], "client": ("127.0.0.9", 1)}
    assert client_address(Request(scope)) == counted
