"""Slow answers are counted where a histogram tells them apart and nowhere else, in whatever format it was recorded."""

from collections.abc import Mapping
from itertools import accumulate, pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.metrics.recorded import CHALLENGER, CHAMPION
from tests.unit.metrics.recorded_histograms import (
    Durations,
    Scrapes,
    T,
    classic_series,
    count_slow,
    custom,
    filled,
    native,
    native_series,
)

from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.counting.buckets import Histogram
from modelrollout.metrics.counting.histograms import Boundary, Histograms, choose_boundary
from modelrollout.metrics.counting.series import Series, Unreadable
from modelrollout.metrics.windows import Span


def of_challenger(
    threshold: float, *scrapes: Histogram | None, champion: Histogram | None = None
) -> dict[int, ArmCounts]:
    """What the challenger counts by window, scraped once a window beside a champion that answers nothing."""
    natives = [
        native_series(CHALLENGER, {index * T: read for index, read in enumerate(scrapes)}),
        native_series(CHAMPION, {index * T: champion or Histogram() for index in range(len(scrapes))}),
    ]
    windows = count_slow(threshold, [], natives, Span(T, 0, len(scrapes) - 1))
    return {window.index: window.block.challenger for window in windows}


FAST, SLOW, BETWEEN = 0.2, 0.9, 0.31


def test_a_native_histogram_is_counted_at_the_threshold_if_that_is_a_boundary() -> None:
    readings = [native([FAST] * 3 + [SLOW], 3), native([FAST] * 8 + [SLOW] * 3, 3)]

    assert of_challenger(0.5, *readings) == {1: ArmCounts(7, 2)}


def test_a_threshold_within_a_bucket_gives_way_to_the_bucket_s_end() -> None:
    readings = [native([], 3), native([FAST, BETWEEN, SLOW], 3)]

    assert of_challenger(0.3, *readings) == {1: ArmCounts(3, 1)}


def test_a_schema_that_drops_is_neither_a_reset_nor_a_jump() -> None:
    durations = [FAST] * 50 + [0.34] * 5 + [SLOW] * 4
    readings = [
        native(durations, 3),
        native([*durations, FAST, 0.34, SLOW], 2),
        native([*durations, FAST, 0.34, SLOW], 0),
    ]

    # 0.34 lies above 2 ** (-13 / 8), the boundary for 0.3 in schema 3, and below 2 ** (-6 / 4), that in schema 2.
    assert of_challenger(0.3, *readings) == {1: ArmCounts(3, 1), 2: ArmCounts(0, 0)}


def test_a_coarser_histogram_of_one_arm_moves_the_boundary_of_both() -> None:
    readings = [native([], 3), native([0.34], 3)]

    assert of_challenger(0.3, *readings) == {1: ArmCounts(1, 1)}
    assert of_challenger(0.3, *readings, champion=native([0.31], 2)) == {1: ArmCounts(1, 0)}


def test_a_zero_bucket_that_widens_is_neither_a_reset_nor_a_jump() -> None:
    narrow = filled([(-1e-9, 1e-9, 2), (0.001, 0.002, 5), (0.5, 1.0, 1)])
    wide = filled([(-0.002, 0.002, 8), (0.5, 1.0, 2)])

    assert of_challenger(0.5, narrow, wide) == {1: ArmCounts(2, 1)}


SPELT_ANEW = {"0.5": "5e-1", "1": "1.0", "inf": "+Inf"}


def test_two_spellings_of_a_boundary_are_one() -> None:
    record = {0: [FAST], T: [FAST, SLOW], 2 * T: [FAST, SLOW, SLOW]}
    buckets = [bucket for pod in (CHAMPION, CHALLENGER) for bucket in classic_series(pod, record, (0.5, 1.0, inf))]
    halves = [
        Series({**bucket.labels, "le": spelling}, {time: bucket.samples[time] for time in times})
        for bucket in buckets
        for spelling, times in ((bucket.labels["le"], (0, T)), (SPELT_ANEW[bucket.labels["le"]], (T, 2 * T)))
    ]

    assert count_slow(0.5, halves, [], Span(T, 0, 2)) == count_slow(0.5, buckets, [], Span(T, 0, 2))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param([FAST] * 9, [SLOW] * 2, (2, 2), id="all answers fell"),
        pytest.param([SLOW] * 90, [FAST] * 8 + [SLOW], (9, 1), id="slow ones fell"),
        pytest.param([FAST] * 90, [FAST] + [SLOW] * 20, (21, 20), id="answers in time fell"),
        pytest.param([SLOW] * 3, [FAST] * 8 + [SLOW], (0, 0), id="but not if it has as much as before"),
    ],
)
def test_a_pod_that_started_anew_is_counted_from_0(
    before: Durations, after: Durations, expected: tuple[int, int]
) -> None:
    assert of_challenger(0.5, native(before, 3), native(after, 3)) == {1: ArmCounts(*expected)}


def test_a_histogram_that_holds_no_counts_makes_its_scrape_useless() -> None:
    readings = [native([FAST], 3), None, native([FAST, FAST, SLOW], 3)]

    assert of_challenger(0.5, *readings) == {2: ArmCounts(2, 1)}


def test_a_threshold_that_custom_buckets_do_not_cut_in_two_is_exact() -> None:
    readings = [custom([FAST]), custom([FAST, FAST, SLOW])]

    assert of_challenger(0.3, *readings) == {1: ArmCounts(2, 1)}


def test_windows_are_left_out_from_the_first_answer_on_that_custom_buckets_do_not_tell_from_slow_ones() -> None:
    readings = [custom([FAST]), custom([FAST, FAST]), custom([FAST, FAST, SLOW]), custom([FAST, FAST, SLOW])]

    assert of_challenger(2.0, *readings) == {1: ArmCounts(1, 0)}


def test_a_classic_histogram_is_counted_as_one_that_was_stored_as_native() -> None:
    record = {0: [FAST], T: [FAST, BETWEEN, SLOW], 2 * T: [FAST, BETWEEN, SLOW, SLOW]}
    span = Span(T, 0, 2)
    pods = (CHAMPION, CHALLENGER)

    classic = count_slow(0.3, [bucket for pod in pods for bucket in classic_series(pod, record)], [], span)
    stored = [native_series(pod, {time: custom(read) for time, read in record.items()}) for pod in pods]

    assert [window.block.challenger for window in classic] == [ArmCounts(2, 1), ArmCounts(1, 1)]
    assert classic == count_slow(0.3, [], stored, span)


def test_a_classic_histogram_goes_before_a_native_one_of_the_same_answers() -> None:
    record = {0: [FAST], T: [FAST, 0.34]}
    classic = [*classic_series(CHAMPION, {0: [], T: []}), *classic_series(CHALLENGER, record)]
    natives = [native_series(CHALLENGER, {time: native(read, 3) for time, read in record.items()})]

    (window,) = count_slow(0.3, classic, natives, Span(T, 0, 1))

    assert window.block.challenger == ArmCounts(1, 0)


def test_prometheus_may_begin_to_store_classic_histograms_as_native_ones() -> None:
    before, after = {0: [FAST, SLOW]}, {T: custom([FAST, SLOW, SLOW])}
    classic = [bucket for pod in (CHAMPION, CHALLENGER) for bucket in classic_series(pod, before)]
    natives = [native_series(pod, after) for pod in (CHAMPION, CHALLENGER)]

    (window,) = count_slow(0.5, classic, natives, Span(T, 0, 1))

    assert window.block.challenger == ArmCounts(1, 1)


@pytest.mark.parametrize("spelling", ["0.5", ".5", "5e-1", "0.50"])
def test_a_boundary_is_a_number_however_it_is_spelled(spelling: str) -> None:
    classic = [
        Series(
            {**bucket.labels, "le": spelling if bucket.labels["le"] == "0.5" else bucket.labels["le"]}, bucket.samples
        )
        for pod in (CHAMPION, CHALLENGER)
        for bucket in classic_series(pod, {0: [], T: [FAST, SLOW]})
    ]

    (window,) = count_slow(0.5, classic, [], Span(T, 0, 1))

    assert window.block.challenger == ArmCounts(2, 1)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"le": "quick"}, "a bucket of duration_seconds_bucket has no boundary in its label le"),
        ({"le": "2"}, "duration_seconds_bucket of pod challenger-1 has no bucket that ends at \\+Inf"),
    ],
)
def test_buckets_that_are_no_histogram_cannot_be_read(broken: Mapping[str, str], message: str) -> None:
    *buckets, last = classic_series(CHALLENGER, {0: [], T: [FAST]})

    with pytest.raises(Unreadable, match=message):
        count_slow(0.5, [*buckets, Series({**last.labels, **broken}, last.samples)], [], Span(T, 0, 1))


def reading(*histograms: Histogram) -> Histograms:
    return {frozenset({("endpoint", str(index))}): histogram for index, histogram in enumerate(histograms)}


@pytest.mark.parametrize(
    ("threshold", "readings", "seconds", "note"),
    [
        pytest.param(0.25, [reading(custom([FAST, SLOW]))], 0.25, "", id="the threshold itself"),
        pytest.param(0.3, [], 0.3, "", id="no histogram yet"),
        pytest.param(
            0.3,
            [reading(custom([FAST]), custom([BETWEEN]))],
            0.5,
            "answers slower than 0.5 s are counted: 0.3 s lies within a histogram bucket, 0.25 s and 0.5 s do not",
            id="the next boundary",
        ),
        pytest.param(
            0.05,
            [reading(custom([0.01]))],
            0.1,
            "answers slower than 0.1 s are counted: 0.05 s lies within a histogram bucket, 0.1 s does not",
            id="the first boundary",
        ),
        pytest.param(
            5,
            [reading(custom([FAST])), reading(custom([SLOW]))],
            inf,
            "no histogram bucket ends at or above the threshold of 5 s in every pod: the last boundary that they share "
            "is 0.5 s",
            id="beyond the boundaries",
        ),
        pytest.param(
            5,
            [reading(custom([SLOW], [inf]))],
            inf,
            "no histogram bucket ends at or above the threshold of 5 s in every pod",
            id="no boundary at all",
        ),
    ],
)
def test_where_slow_begins_is_told(threshold: float, readings: list[Histograms], seconds: float, note: str) -> None:
    assert choose_boundary(threshold, readings) == Boundary(seconds, note)


WINDOWS = 8

# How many answers of each duration came since the scrape before, and how the pod and its histogram went on.
STEPS = st.lists(
    st.tuples(
        st.lists(st.sampled_from([0.05, FAST, 0.28, BETWEEN, 0.34, SLOW, 3.0]), max_size=4),
        st.sampled_from(["same", "same", "coarser", "restarted"]),
    ),
    min_size=WINDOWS,
    max_size=WINDOWS,
)


def scrapes_of_a_pod(steps: list[tuple[list[float], str]]) -> dict[int, Histogram | None]:
    schema, durations = 3, list[float]()
    scrapes = dict[int, Histogram | None]()
    for index, (more, event) in enumerate(steps):
        if event == "restarted":
            schema, durations = 3, []
        schema -= event == "coarser"
        durations = durations + more
        scrapes[index * T] = native(durations, schema)
    return scrapes


HISTORIES = st.fixed_dictionaries({pod: STEPS.map(scrapes_of_a_pod) for pod in (CHAMPION, CHALLENGER)})


@given(HISTORIES, st.lists(st.integers(0, WINDOWS), max_size=4), st.sampled_from([0.25, 0.3, 1.0]))
def test_looking_in_parts_counts_the_same_as_looking_once(
    histories: Mapping[str, Scrapes], stops: list[int], threshold: float
) -> None:
    natives = [native_series(pod, scrapes) for pod, scrapes in histories.items()]
    stops = sorted({-1, WINDOWS, *stops})

    parts = [
        window
        for after, through in pairwise(stops)
        for window in count_slow(threshold, [], natives, Span(T, after, through))
    ]

    assert tuple(parts) == count_slow(threshold, [], natives, Span(T, -1, WINDOWS))


@given(STEPS, st.lists(st.booleans(), min_size=WINDOWS, max_size=WINDOWS), st.sampled_from([0.25, 0.5, 1.0]))
def test_whatever_the_schema_does_every_answer_is_counted_once(
    steps: list[tuple[list[float], str]], drops: list[bool], threshold: float
) -> None:
    durations = [list[float](), *accumulate((more for more, _ in steps), lambda so_far, more: so_far + more)]
    schemas = accumulate(drops, lambda schema, drop: max(0, schema - drop), initial=5)
    readings = [native(read, schema) for read, schema in zip(durations, schemas, strict=False)]

    counted = sum(of_challenger(threshold, *readings).values(), ArmCounts())

    assert counted == ArmCounts(len(durations[-1]), sum(duration > threshold for duration in durations[-1]))
