"""Caps lower evidence and never create any: every sequence of outcomes is enumerated."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.caps import capped_minute, capped_step

# Outcomes of a window: probability and e-value, with an expectation of 1.
LAWS = [
    ((0.9, 0.5), (0.1, 5.5)),
    ((0.5, 0.2), (0.3, 0.5), (0.2, 3.75)),
    ((0.98, 0.9), (0.02, 5.9)),
]
WINDOWS = 4


def by_minute(gathered, step, cap, _):
    return capped_minute(gathered, step, cap)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rule", [by_minute, capped_step])
@pytest.mark.parametrize("cap", [0.2, 1.0, 3.0])
def test_a_capped_minute_is_expected_to_gain_nothing_under_the_null(law, rule, cap):
    total = 0.0
    for outcome in itertools.product(law, repeat=WINDOWS):
        minute = evidence = 0.0
        for _, e_value in outcome:
            # What a window may count for alone depends on its outcome.
            counted, minute = rule(minute, math.log(e_value), cap, math.log(e_value) / 2)
            evidence += counted
        total += math.prod(probability for probability, _ in outcome) * math.exp(evidence)
    assert total <= 1 + 1e-12


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rule", [by_minute, capped_step])
@pytest.mark.parametrize("gathered", [0.0, 0.9, 4.0])
def test_no_window_is_expected_to_gain_whatever_its_minute_gathered(law, rule, gathered):
    steps = [(probability, rule(gathered, math.log(e_value), 1.0, 0.7)[0]) for probability, e_value in law]
    assert math.fsum(probability * math.exp(step) for probability, step in steps) <= 1 + 1e-12


@given(steps=st.lists(st.floats(-3, 5), min_size=1, max_size=12), cap=st.floats(0.1, 5), first=st.integers(0, 11))
def test_no_run_of_windows_in_a_minute_counts_for_more_than_the_cap(steps, cap, first):
    gathered, counted = 0.0, []
    for step in steps:
        added, gathered = capped_minute(gathered, step, cap)
        counted.append(added)
    assert sum(counted[first:]) <= cap + 1e-9


@given(steps=st.lists(st.floats(0, 5), min_size=1, max_size=12), cap=st.floats(0.1, 5))
def test_a_minute_counts_for_what_it_gathered_up_to_the_cap(steps, cap):
    gathered = total = 0.0
    for step in steps:
        added, gathered = capped_minute(gathered, step, cap)
        total += added
    assert total == pytest.approx(min(sum(steps), cap))


def test_a_gross_minute_counts_beyond_the_cap_for_what_its_grossest_window_proves_alone():
    assert capped_step(gathered=2.0, step=9.0, cap=2.0, alone=4.0) == (2.0, 4.0)
    assert capped_step(gathered=4.0, step=9.0, cap=2.0, alone=4.0) == (0.0, 4.0)
    assert capped_step(gathered=2.0, step=9.0, cap=2.0, alone=-1.0) == (0.0, 2.0)
    assert capped_step(gathered=2.0, step=-3.0, cap=2.0, alone=4.0) == (-3.0, 0.0)
