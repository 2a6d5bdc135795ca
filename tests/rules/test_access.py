"""Who may use a route: every scope, and at least the level asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.access import AuthPolicy, Denied, Identity, judge


def signed_in(*scopes: str, level: int = 0) -> Identity:
    return Identity("https://identity.example", "citizen-1", None, 900.0, 0.0, frozenset(scopes), level)


def asking(*scopes: str, level: int | None = None) -> AuthPolicy:
    return AuthPolicy(scopes=frozenset(scopes), assurance=level)


def test_unless_told_otherwise_a_sign_in_is_required_and_proves_no_level() -> None:
    assert AuthPolicy() == AuthPolicy("required", frozenset(), (), None, None, pass_authorization=False)
    assert Identity("https://identity.example", "citizen-1", None, 900.0, 0.0).assurance == 0


def test_a_route_that_asks_nothing_is_open_to_all() -> None:
    assert judge(asking(), None) is None
    assert judge(asking(), signed_in()) is None


@pytest.mark.parametrize(
    ("policy", "identity", "verdict"),
    [
        (asking("a"), signed_in("a"), None),
        (asking("a"), signed_in("a", "b"), None),
        (asking("a", "b"), signed_in("a"), Denied("scope", ("a", "b"))),
        (asking("b", "a"), signed_in(), Denied("scope", ("a", "b"))),
        (asking("a"), signed_in("A"), Denied("scope", ("a",))),
        (asking("a"), None, Denied("scope", ("a",))),
        (asking(level=3), signed_in(level=3), None),
        (asking(level=3), signed_in(level=4), None),
        (asking(level=3), signed_in(level=2), Denied("assurance")),
        (asking(level=1), signed_in(), Denied("assurance")),
        (asking(level=1), None, Denied("assurance")),
        (asking(level=0), None, None),
        (asking("a", level=3), signed_in("a", level=3), None),
        (asking("a", level=3), signed_in("a", level=2), Denied("assurance")),
        (asking("a", level=3), signed_in(level=2), Denied("scope", ("a",))),
    ],
)
def test_every_scope_and_the_level_must_reach(
    policy: AuthPolicy, identity: Identity | None, verdict: Denied | None
) -> None:
    assert judge(policy, identity) == verdict


SCOPES = st.frozensets(st.sampled_from("abcd"))


@given(SCOPES, st.none() | st.integers(0, 4), SCOPES, st.integers(0, 4))
def test_the_verdict_is_that_of_the_plain_definition(
    wanted: frozenset[str], least: int | None, held: frozenset[str], level: int
) -> None:
    permitted = wanted <= held and (least is None or level >= least)
    assert (judge(asking(*wanted, level=least), signed_in(*held, level=level)) is None) == permitted


def test_more_rights_never_close_a_route() -> None:
    strict = asking("a", "b", level=2)
    assert judge(strict, signed_in("a", "b", "c", level=4)) is None
