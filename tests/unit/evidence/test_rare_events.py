"""More crashes than the challenger's part of pods and traffic explains."""

from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.rare_events import RareEventState, RareEventTest, shows_more_events, update_rare_events

TEST = RareEventTest(alpha=0.001)


def after(test: RareEventTest, champion: int, challenger: int, share: float) -> RareEventState:
    """After the champion's events, and then the challenger's, one by one."""
    state = RareEventState()
    for of_challenger in [False] * champion + [True] * challenger:
        state = update_rare_events(test, state, int(not of_challenger), int(of_challenger), share)
    return state


@pytest.mark.parametrize(("champion", "challenger", "share", "shown"), [
    (0, 1, 0.01, False),
    (0, 5, 0.1, True),
    (0, 7, 0.25, True),
    (0, 14, 0.5, True),
    (20, 7, 0.25, False),
    (0, 500, 1.0, False),
])  # fmt: skip
def test_so_many_events_of_a_challenger_are_too_many(
    champion: int, challenger: int, share: float, *, shown: bool
) -> None:
    assert shows_more_events(TEST, after(TEST, champion, challenger, share)) is shown


@given(st.floats(0.1, 0.99), st.integers(0, 30), st.integers(0, 30), st.floats(1, 10))
def test_one_more_event_is_not_expected_to_add_to_the_evidence(
    share: float, champion: int, challenger: int, ratio: float
) -> None:
    test = RareEventTest(alpha=0.01, ratio=ratio)
    before = after(test, champion, challenger, share)
    chance = ratio * share / (ratio * share + 1 - share)
    theirs = update_rare_events(test, before, 1, 0, share).log_e
    ours = update_rare_events(test, before, 0, 1, share).log_e
    expected = (1 - chance) * exp(theirs - before.log_e) + chance * exp(ours - before.log_e)
    assert expected == pytest.approx(1, abs=1e-9)


def test_versions_that_crash_alike_are_taken_for_different_ones_no_more_often_than_declared() -> None:
    dice, test = Random(3), RareEventTest(alpha=0.05)
    alarms = 0
    for _ in range(1000):
        state = RareEventState()
        for _ in range(100):
            mine = dice.random() < 0.3
            state = update_rare_events(test, state, int(not mine), int(mine), 0.3)
        alarms += shows_more_events(test, state)
    assert 0 < alarms <= 50


def test_evidence_goes_on_from_its_text() -> None:
    state = after(TEST, 3, 4, 0.3)
    assert RareEventState.unpacked(3, 4, state.packed()) == state
