"""What a fresh pod answers is left out until it has been warm for as long as a gate says, and nothing else is."""

from collections.abc import Collection, Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.metrics.recorded import ARMS, CHALLENGER, CHAMPION, clock_of, counters_of, failed
from tests.unit.metrics.recorded_histograms import Scrapes, T, count_slow, native, native_series

from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.counting.increases import changes, levels
from modelrollout.metrics.counting.scrapes import read_scrapes, read_targets
from modelrollout.metrics.counting.warm_up import warm_changes, with_age
from modelrollout.metrics.kinds import PART, TOTAL, proportions
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import FORGET_AFTER, Span

FAST, SLOW = 0.2, 0.9
OTHER = "challenger-2"
WARM_UP = 2 * T

Totals = Mapping[int, tuple[int, int]]
"""Answers that a pod had counted, and slow ones of them, by the scrape window in which it said so."""


def scrapes_of(totals: Totals) -> Scrapes:
    return {
        index * T: native([FAST] * (answers - slow) + [SLOW] * slow, 3) for index, (answers, slow) in totals.items()
    }


def count(
    span: Span, warm_up: int = WARM_UP, needed: Collection[Arm] = tuple(Arm), **pods: Totals
) -> dict[int, tuple[ArmCounts, ArmCounts]]:
    names = {"champion": CHAMPION, "challenger": CHALLENGER, "other": OTHER}
    natives = [native_series(names[pod], scrapes_of(totals)) for pod, totals in pods.items()]
    windows = count_slow(0.5, [], natives, span, warm_up, needed)
    return {window.index: (window.block.champion, window.block.challenger) for window in windows}


def steady(windows: int) -> Totals:
    """Ten answers in each window, none of them slow, on and on."""
    return {index: (10 * (index + 20), 0) for index in range(-20, windows)}


def test_a_pod_counts_from_so_long_after_its_first_request_and_what_came_before_is_given_up() -> None:
    challenger = {0: (0, 0), 1: (3, 3), 2: (5, 5), 3: (8, 5), 4: (12, 6), 5: (14, 6)}

    assert count(Span(T, 0, 5), champion=steady(6), challenger=challenger) == {
        4: (ArmCounts(10, 0), ArmCounts(4, 1)),
        5: (ArmCounts(10, 0), ArmCounts(2, 0)),
    }


def test_without_a_warm_up_every_window_counts() -> None:
    challenger = {0: (0, 0), 1: (3, 3), 2: (5, 5)}

    assert [both[1] for both in count(Span(T, 0, 2), 0, champion=steady(3), challenger=challenger).values()] == [
        ArmCounts(3, 3),
        ArmCounts(2, 2),
    ]


@pytest.mark.parametrize("restarted", [{5: (6, 4)}, {5: (0, 0), 6: (6, 4)}])
def test_a_pod_that_started_anew_has_to_warm_up_again(restarted: Totals) -> None:
    challenger = {**steady(5), **restarted, 7: (7, 4), 8: (8, 4), 9: (9, 4)}

    counted = count(Span(T, 3, 9), champion=steady(10), challenger=challenger)

    first = max(restarted) + 3
    assert {index: challenger for index, (_, challenger) in counted.items()} == {
        4: ArmCounts(10, 0),
        **{index: ArmCounts(1, 0) for index in range(first, 10)},
    }


def test_a_pod_that_comes_later_is_left_out_while_the_others_of_its_arm_count() -> None:
    late = {2: (4, 4), 3: (6, 6), 4: (8, 8), 5: (9, 8)}

    counted = count(Span(T, 2, 5), champion=steady(6), challenger=steady(6), other=late)

    assert [challenger for _, challenger in counted.values()] == [
        ArmCounts(10, 0),
        ArmCounts(10, 0),
        ArmCounts(11, 0),
    ]


def test_a_fixed_figure_does_not_wait_for_the_champion() -> None:
    idle = dict.fromkeys(range(4), (0, 0))

    compared = count(Span(T, 0, 3), champion=idle, challenger=steady(4))
    alone = count(Span(T, 0, 3), needed=[Arm.CHALLENGER], champion=idle, challenger=steady(4))

    assert compared == {}
    assert [challenger.total for _, challenger in alone.values()] == [10, 10, 10]


@pytest.mark.parametrize(("last_seen", "first_counted"), [(1, 1), (0, 3)])
def test_a_pod_that_was_not_scraped_for_long_has_to_warm_up_again(last_seen: int, first_counted: int) -> None:
    back = FORGET_AFTER + 1
    challenger = {last_seen: (5, 0), **{index: (50 + index, 0) for index in range(back, back + 6)}}

    counted = count(Span(T, 2, back + 5), champion=steady(back + 6), challenger=challenger)

    assert min(counted) == back + first_counted


WINDOWS = 10

# Time since the pod's scrape before in ms, the answers since then, slow ones of them, and whether the pod started anew.
HISTORIES = st.lists(
    st.tuples(st.integers(1, 2500), st.integers(0, 2), st.integers(0, 2), st.sampled_from([False, False, False, True])),
    max_size=2 * WINDOWS,
)


def recorded(history: list[tuple[int, int, int, bool]]) -> Scrapes:
    time, durations, scrapes = 0, list[float](), {}
    for gap, fast, slow, anew in history:
        time += gap
        durations = [*([] if anew else durations), *[FAST] * fast, *[SLOW] * slow]
        scrapes[time] = native(durations, 3)
    return scrapes


RECORDS = st.fixed_dictionaries({pod: HISTORIES.map(recorded) for pod in (CHAMPION, CHALLENGER, OTHER)})


@given(RECORDS, st.lists(st.integers(-1, WINDOWS), max_size=5), st.integers(0, 5 * T))
def test_looking_in_parts_counts_the_same_as_looking_once(
    record: Mapping[str, Scrapes], stops: list[int], warm_up: int
) -> None:
    natives = [native_series(pod, scrapes) for pod, scrapes in record.items()]
    stops = sorted({-1, WINDOWS, *stops})

    parts = [
        window
        for after, through in pairwise(stops)
        for window in count_slow(0.5, [], natives, Span(T, after, through), warm_up)
    ]

    assert tuple(parts) == count_slow(0.5, [], natives, Span(T, -1, WINDOWS), warm_up)


@given(RECORDS, st.integers(1, 5 * T))
def test_a_warm_up_only_leaves_out(record: Mapping[str, Scrapes], warm_up: int) -> None:
    natives = [native_series(pod, scrapes) for pod, scrapes in record.items()]

    everything = {w.index: w.block for w in count_slow(0.5, [], natives, Span(T, -1, WINDOWS))}

    for window in count_slow(0.5, [], natives, Span(T, -1, WINDOWS), warm_up):
        for some, all_ in zip(window.block.to_list(), everything[window.index].to_list(), strict=True):
            assert some <= all_


def test_what_a_fresh_pod_fails_is_left_out_in_the_same_way() -> None:
    """Of counters by status code, as an error rate counts them."""
    champion = {index * T: {"200": 10.0 * (index + 5)} for index in range(-5, 6)}
    challenger = {index * T: {"200": 5.0 * index, "500": 3.0} for index in range(1, 6)}
    record = {CHAMPION: champion, CHALLENGER: challenger}
    series, span = counters_of(record), Span(T, 0, 5)
    scrapes = read_scrapes(read_targets(clock_of(record)), {TOTAL: series, PART: failed(series)}, {}, -6 * T)
    changed = changes(with_age(scrapes, T, levels), ARMS, span)
    windows = [window.increases(lambda counters: counters) for window in warm_changes(changed, WARM_UP, tuple(Arm))]
    assert [(window.index, window.block.challenger) for window in proportions(windows, ArmCounts)] == [
        (4, ArmCounts(5, 0)),
        (5, ArmCounts(5, 0)),
    ]
