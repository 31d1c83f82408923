"""Observations are told apart only where no bucket holds both kinds."""

from collections import Counter
from collections.abc import Iterable
from math import ceil, inf, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.metrics.counting.buckets import Histogram, boundary_before, boundary_from

DURATIONS = st.lists(st.floats(1e-3, 1e3), max_size=50)
SCHEMAS = st.integers(-4, 8)


def classic(*ends: float) -> Histogram:
    """A histogram of buckets up to each end, with one observation in each."""
    return of([(lower, upper, 1) for lower, upper in zip((-inf, *ends), (*ends, inf), strict=True)])


def native(schema: int, durations: Iterable[float]) -> Histogram:
    """A native histogram as Prometheus hands it over: bucket j ends at 2 ** (j * 2 ** -schema), empty ones left out."""
    counts = Counter(ceil(log2(duration) * 2.0**schema) for duration in durations)
    return of([(end(schema, index - 1), end(schema, index), counts[index]) for index in sorted(counts)])


def end(schema: int, index: int) -> float:
    return float(2.0 ** (index * 2.0**-schema))


def of(buckets: list[tuple[float, float, float]]) -> Histogram:
    histogram = Histogram.of(buckets)
    assert histogram
    return histogram


FINE, COARSE = classic(0.1, 0.25, 0.5, 1.0), classic(0.1, 0.5, 1.0)


@pytest.mark.parametrize(
    ("threshold", "histograms", "before", "after"),
    [
        pytest.param(0.25, [FINE, FINE], 0.25, 0.25, id="a boundary of all"),
        pytest.param(0.25, [FINE, COARSE], 0.1, 0.5, id="not a boundary of all"),
        pytest.param(0.3, [FINE], 0.25, 0.5, id="between two boundaries"),
        pytest.param(1100 * 0.001, [classic(1.1)], 1.1, 1.1, id="equal but for rounding"),
        pytest.param(0.25, [], 0.25, 0.25, id="no histogram yet"),
        pytest.param(2.0, [FINE], 1.0, inf, id="beyond all boundaries"),
        pytest.param(2.0, [FINE, classic(4.0)], 0, inf, id="no boundary that all share"),
        pytest.param(0.3, [of([(0.1, 0.25, 1), (0.5, inf, 1)])], 0.3, 0.3, id="between buckets that are not empty"),
        pytest.param(0.3, [of([(-1e-9, 1e-9, 4), (0.25, 0.5, 1)])], 0.25, 0.5, id="beside a bucket around zero"),
        pytest.param(0.3, [of([(-0.5, 0.5, 4)])], 0, 0.5, id="inside a bucket around zero"),
        pytest.param(0.3, [of([(0.2, 0.4, 1)]), of([(0.35, 0.6, 1)])], 0.2, 0.6, id="buckets that overlap"),
    ],
)
def test_a_threshold_lies_between_the_next_boundaries(
    threshold: float, histograms: list[Histogram], before: float, after: float
) -> None:
    assert boundary_before(threshold, histograms) == pytest.approx(before)
    assert boundary_from(threshold, histograms) == pytest.approx(after)


def test_observations_are_counted_up_to_a_boundary_and_with_it() -> None:
    histogram = of([(0.1, 0.25, 3), (0.5, 1.0, 2), (1.0, inf, 1)])

    assert [histogram.up_to(at) for at in (0.1, 0.25, 0.3, 0.5, 1.0, 2500 * 0.0004, inf)] == [0, 3, 3, 3, 5, 5, 6]
    assert Histogram().up_to(0.25) == Histogram().total == 0


@given(DURATIONS, SCHEMAS, st.floats(1e-3, 1e3))
def test_what_is_above_a_boundary_is_counted_as_each_duration_would_be(
    durations: list[float], schema: int, threshold: float
) -> None:
    histogram = native(schema, durations)
    boundary = boundary_from(threshold, [histogram])

    assert threshold <= boundary <= threshold * 2**2.0**-schema * (1 + 1e-9)
    slower = sum(duration > boundary * (1 + 1e-9) for duration in durations)
    slower_but_for_rounding = sum(duration > boundary * (1 - 1e-9) for duration in durations)
    assert slower <= histogram.total - histogram.up_to(boundary) <= slower_but_for_rounding


@given(DURATIONS, SCHEMAS, SCHEMAS, st.floats(1e-3, 1e3))
def test_a_histogram_counts_the_same_at_the_boundary_of_a_coarser_one(
    durations: list[float], schema: int, other: int, threshold: float
) -> None:
    fine, coarse = native(max(schema, other), durations), native(min(schema, other), durations)
    boundary = boundary_from(threshold, [fine, coarse])

    assert fine.up_to(boundary) == coarse.up_to(boundary)
