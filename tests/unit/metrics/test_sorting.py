"""Observations of a histogram are sorted into the buckets that a gate on drift names."""

from bisect import bisect_left
from itertools import pairwise
from math import inf

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.metrics.recorded import CHALLENGER

from modelrollout.metrics.counting.buckets import Histogram
from modelrollout.metrics.counting.histograms import bucket_names, find_cut, sort_at_boundaries
from modelrollout.metrics.counting.increases import Changes
from modelrollout.metrics.kinds import distributions
from modelrollout.metrics.source import Arm

ENDS = (-2.0, -0.5, 0.0, 0.25, 1.0, 3.0)


def classic(*observations: float) -> Histogram:
    counted = [
        (low, high, sum(low < one <= high for one in observations)) for low, high in pairwise([-inf, *ENDS, inf])
    ]
    histogram = Histogram.of(counted)
    assert histogram
    return histogram


def challenger(boundaries: list[float], before: Histogram, after: Histogram) -> tuple[int, ...]:
    """What a challenger counts by bucket between two scrapes."""
    readings = ({frozenset[tuple[str, str]](): before}, {frozenset[tuple[str, str]](): after})
    change = Changes(1, {Arm.CHAMPION: {}, Arm.CHALLENGER: {CHALLENGER: readings}})
    [window] = distributions(sort_at_boundaries([change], boundaries), bucket_names(boundaries))
    assert set(window.champion) == {0}
    return window.challenger


OBSERVATIONS = st.lists(st.floats(-5, 5) | st.sampled_from(ENDS))


@given(OBSERVATIONS, OBSERVATIONS, st.lists(st.sampled_from(ENDS), min_size=1, unique=True))
def test_an_observation_is_counted_in_the_bucket_that_holds_it(
    before: list[float], more: list[float], boundaries: list[float]
) -> None:
    expected = [0] * (len(boundaries) + 1)
    for one in more:
        expected[bisect_left(sorted(boundaries), one)] += 1

    assert challenger(boundaries, classic(*before), classic(*before, *more)) == tuple(expected)


def test_a_bucket_that_fell_is_of_a_pod_that_started_anew() -> None:
    assert challenger([0.0], classic(-1, 1), classic(1, 1)) == (0, 2)


def test_a_boundary_within_a_bucket_is_told_and_its_window_left_out() -> None:
    readings = {frozenset[tuple[str, str]](): classic()}
    change = Changes(1, {Arm.CHAMPION: {}, Arm.CHALLENGER: {CHALLENGER: (readings, readings)}})

    assert list(sort_at_boundaries([change], [0.0, 0.5])) == []
    assert find_cut([0.0, 0.5], [readings]) == (
        "the boundary 0.5 lies within a histogram bucket, which goes from 0.25 to 1"
    )
    assert find_cut([0.0, 0.25], [readings]) == ""
