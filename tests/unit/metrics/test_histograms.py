"""Slow answers are counted at a bucket's boundary and nowhere else."""

from math import inf

import pytest

from modelrollout.metrics.histograms import Boundary, boundaries_by_pod, buckets_up_to, choose_boundary
from modelrollout.metrics.series import Series, Unreadable

FINE = frozenset({0.1, 0.25, 0.5, 1.0, inf})
COARSE = frozenset({0.1, 0.5, 1.0, inf})


def bucket(pod: str, le: str) -> Series:
    return Series({"__name__": "d_bucket", "pod": pod, "le": le, "endpoint": "/predict"}, {1000: 1.0})


@pytest.mark.parametrize(
    ("threshold", "boundaries", "chosen"),
    [
        pytest.param(0.25, [FINE, FINE], 0.25, id="a boundary of all"),
        pytest.param(0.25, [FINE, COARSE], 0.5, id="not a boundary of all: the next one"),
        pytest.param(0.3, [FINE], 0.5, id="between two boundaries: the upper one"),
        pytest.param(1100 * 0.001, [frozenset({1.1, inf})], 1.1, id="equal but for rounding"),
        pytest.param(0.25, [], 0.25, id="no histogram yet"),
    ],
)
def test_the_next_common_boundary_is_where_slow_begins(
    threshold: float, boundaries: list[frozenset[float]], chosen: float
) -> None:
    assert choose_boundary(threshold, boundaries).seconds == chosen


def test_another_boundary_than_the_threshold_is_told() -> None:
    assert choose_boundary(0.25, [FINE]).note == ""
    assert choose_boundary(0.25, [COARSE]) == Boundary(
        0.5,
        "answers slower than 0.5 s are counted: 0.25 s is no bucket boundary (they are, in seconds: 0.1, 0.5, 1)",
    )


@pytest.mark.parametrize("boundaries", [[FINE], [FINE, frozenset({4.0, inf})], [frozenset({inf})]])
def test_infinity_is_no_boundary(boundaries: list[frozenset[float]]) -> None:
    with pytest.raises(Unreadable, match="threshold of 2 s"):
        choose_boundary(2.0, boundaries)


def test_boundaries_are_read_from_the_buckets_of_each_pod() -> None:
    buckets = [bucket("a", "0.5"), bucket("a", "+Inf"), bucket("b", "1.0"), bucket("b", "+Inf")]

    assert boundaries_by_pod(buckets) == {"a": {0.5, inf}, "b": {1.0, inf}}


@pytest.mark.parametrize("spelling", ["1", "1.0", "1e0"])
def test_a_boundary_is_a_number_however_it_is_spelled(spelling: str) -> None:
    (series,) = buckets_up_to(1.0, [bucket("a", spelling), bucket("a", "0.5"), bucket("a", "+Inf")])

    assert series.labels == {"__name__": "d_bucket", "pod": "a", "endpoint": "/predict"}


def test_a_bucket_without_a_boundary_cannot_be_read() -> None:
    with pytest.raises(Unreadable, match="d_bucket"):
        boundaries_by_pod([Series({"__name__": "d_bucket", "pod": "a"}, {})])
