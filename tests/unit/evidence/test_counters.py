import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.counters import increases

CASES = {
    "a counter grows": ([{"a": 10}, {"a": 14}], [{"a": 4}]),
    "a counter was reset": ([{"a": 10}, {"a": 3}], [{"a": 3}]),
    "a series is born with its first error": ([{"a": 10}, {"a": 10, "a500": 1}], [{"a": 0, "a500": 1}]),
    "a pod comes and another goes": ([{"a": 10}, {"b": 2}], [{"b": 2}]),
    "a scrape is missed": ([{"a": 10}, {}, {"a": 17}], [{}, {"a": 7}]),
    "the source was away for long": ([{"a": 10}, {"a": math.nan}, {"a": 900}], [{}, {"a": 890}]),
}


@pytest.mark.parametrize(("samples", "expected"), CASES.values(), ids=CASES)
def test_what_a_window_counted(samples, expected):
    last, found = samples[0], []
    for now in samples[1:]:
        grown, last = increases(last, now)
        found.append(grown)
    assert found == expected


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=5), st.data())
def test_without_resets_nothing_is_lost_or_counted_twice(lives, data):
    """Whatever scrapes are missed, the increases add up to the counter as last seen."""
    value, last, total, seen = 0, {"a": 0.0}, 0.0, 0
    for steps in lives:
        for step in steps:
            value += step
            if data.draw(st.booleans()):
                grown, last = increases(last, {"a": value})
                total, seen = total + grown["a"], value
    assert total == seen
