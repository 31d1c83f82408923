import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.histogram import (
    NativeHistogram,
    boundaries_around,
    bucket_at_least,
    bucket_end,
    classic_above,
    native_from_spans,
)

values = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=50)


def native(schema, observations):
    buckets = {}
    for value in observations:
        index = bucket_at_least(schema, value)
        buckets[index] = buckets.get(index, 0) + 1
    return NativeHistogram(schema, len(observations), buckets)


def test_a_classic_histogram_is_split_exactly_at_a_boundary():
    cumulative = {0.1: 70.0, 0.25: 95.0, math.inf: 100.0}
    assert classic_above(cumulative, 0.25) == (100.0, 5.0)
    with pytest.raises(KeyError):
        classic_above(cumulative, 0.2)


@pytest.mark.parametrize(
    ("threshold", "around"),
    [(0.25, (0.25, 0.25)), (0.3, (0.25, 0.5)), (0.05, (None, 0.1)), (2.0, (0.5, None))],
)
def test_a_threshold_inside_a_bucket_has_two_boundaries(threshold, around):
    assert boundaries_around([0.1, 0.25, 0.5, math.inf], threshold) == around


@given(values, st.integers(-4, 8), st.floats(1e-3, 1e3))
def test_a_native_histogram_is_split_exactly_at_every_bucket_end(observations, schema, threshold):
    index = bucket_at_least(schema, threshold)
    end = bucket_end(schema, index)
    assert end >= threshold * (1 - 1e-9)
    slower = sum(bucket_at_least(schema, value) > index for value in observations)
    assert native(schema, observations).above(index) == slower


@given(values, st.integers(-3, 8), st.integers(0, 4))
def test_a_coarser_schema_is_what_counting_in_it_would_have_given(observations, schema, steps):
    coarse = max(-4, schema - steps)
    assert native(schema, observations).downscaled(coarse) == native(coarse, observations)


def test_a_schema_cannot_be_refined():
    with pytest.raises(ValueError, match="refined"):
        NativeHistogram(2, 1, {1: 1}).downscaled(3)


@given(values, st.integers(-2, 6))
def test_the_schema_is_read_off_the_api_answer(observations, schema):
    histogram = native(schema, observations)
    spans = [(-0.5, 0.5e-3, 4.0)] + [
        (bucket_end(schema, index - 1), bucket_end(schema, index), count) for index, count in histogram.buckets.items()
    ]
    read = native_from_spans(spans, histogram.count + 4)
    assert (read.schema, dict(read.buckets), read.count) == (schema, histogram.buckets, histogram.count + 4)
    assert read.boundaries == sorted(read.boundaries)


def test_buckets_of_unlike_width_are_no_native_histogram():
    with pytest.raises(ValueError, match="standard"):
        native_from_spans([(1, 2, 1), (4, 5, 1)], 2)


def test_a_native_histogram_without_positive_buckets_counts_nothing_above():
    assert native_from_spans([(-0.001, 0.001, 7)], 7).above(0) == 0
