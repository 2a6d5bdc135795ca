"""The order of the board, and what counts as a sign of a prank: arithmetic that can hide nothing."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.emergency.catalogue import load_catalogue
from services.emergency.grouping import landmark_key
from services.emergency.ranking import (
    CallerHistory,
    Standing,
    Suspicion,
    base_priority,
    board_order,
    signals,
    suspicion,
)
from services.kit.testing import START

RULES = load_catalogue().suspicion

standings = st.builds(
    Standing,
    priority=st.integers(1, 3),
    is_assessed=st.booleans(),
    suspicion=st.sampled_from(Suspicion),
    is_corroborated=st.booleans(),
    is_acknowledged=st.booleans(),
    received_at=st.integers(0, 10**9).map(lambda seconds: START + timedelta(seconds=seconds)),
)


@given(standings, standings)
def test_a_trusted_more_urgent_report_always_stands_first(first: Standing, second: Standing) -> None:
    trusted = first.is_assessed or first.is_corroborated or first.suspicion is Suspicion.NONE
    if trusted and first.priority < second.priority:
        assert board_order(first) < board_order(second)


@given(standings, standings)
def test_a_sign_of_a_prank_costs_at_most_one_step_of_urgency(doubted: Standing, other: Standing) -> None:
    if doubted.priority + 1 < other.priority:
        assert board_order(doubted) < board_order(other)


@given(standings)
def test_every_place_fits_the_database_and_no_cursor_is_negative(standing: Standing) -> None:
    assert 0 < board_order(standing) < 2**63


@given(st.integers(0, 1000), st.integers(0, 1000), st.booleans(), st.booleans(), st.booleans())
def test_signs_always_add_up_to_a_level(
    untrue: int, recent: int, was_far_away: bool, is_impossible: bool, is_verified: bool
) -> None:
    history = CallerHistory(untrue, recent, was_far_away)
    named = signals(RULES, history, is_impossible_place=is_impossible, is_verified_citizen=is_verified)
    assert len(named) < 12
    assert suspicion(RULES, named) in Suspicion


@pytest.mark.parametrize(
    ("severity", "assessed", "is_silent", "priority"),
    [(3, None, False, 3), (3, None, True, 1), (1, 3, True, 3), (2, 1, False, 1)],
)
def test_a_humans_judgement_comes_first_then_silence_then_the_kind(
    severity: int, assessed: int | None, is_silent: bool, priority: int
) -> None:
    assert base_priority(severity, assessed=assessed, is_silent=is_silent) == priority


@given(st.text())
def test_a_landmark_has_a_bounded_key_that_is_never_empty(landmark: str) -> None:
    assert 0 < len(landmark_key(landmark)) <= 80
