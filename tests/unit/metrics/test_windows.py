"""Scrape windows count what happened, once, however one looks at the record."""

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.metrics.recorded import ARMS, CHALLENGER, CHAMPION, Record, Scraped, count_errors

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.counting.increases import Increase, increases, missing_arm
from modelrollout.metrics.counting.scrapes import Counters, LabelSet, Scrape
from modelrollout.metrics.kinds import PART, TOTAL
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import FORGET_AFTER, Span, next_span
from modelrollout.rollout.measurements import Window
from modelrollout.rollout.settings import Settings

T = 1000

# A champion that answers nothing, for tests of the other arm.
IDLE: dict[int, Scraped] = {index * T + 100: {} for index in range(12)}


def of_challenger(scrapes: Mapping[int, Scraped], after: int = 0, through: int = 11) -> dict[int, tuple[int, int]]:
    """Requests and errors of a challenger beside an idle champion, by window."""
    windows = count_errors({CHAMPION: IDLE, CHALLENGER: scrapes}, Span(T, after, through))
    return {window.index: (window.block.challenger.total, window.block.challenger.bad) for window in windows}


def block(champion: tuple[int, int], challenger: tuple[int, int]) -> Block:
    return Block(ArmCounts(*champion), ArmCounts(*challenger))


def test_both_arms_are_counted_from_one_scrape_to_the_next() -> None:
    record: Record = {
        CHAMPION: {1100: {"200": 50}, 2100: {"200": 60}, 3100: {"200": 75, "500": 1}},
        CHALLENGER: {1900: {"200": 3, "503": 1}, 2900: {"200": 5, "503": 2}, 3900: {"200": 5, "503": 2}},
    }

    assert count_errors(record, Span(T, after=1, through=3)) == (
        Window(2, block((10, 0), (3, 1))),
        Window(3, block((16, 1), (0, 0))),
    )


def test_pods_of_an_arm_add_up() -> None:
    record: Record = {
        CHAMPION: {1100: {"200": 1}, 2100: {"200": 2}},
        "champion-2": {1500: {"200": 10}, 2500: {"200": 20}},
        CHALLENGER: {1100: {}, 2100: {"200": 7}},
        "bystander-1": {1100: {"200": 100}, 2100: {"200": 900}},
    }

    assert count_errors(record, Span(T, after=1, through=2)) == (Window(2, block((11, 0), (7, 0))),)


@pytest.mark.parametrize(
    ("scrapes", "expected"),
    [
        pytest.param(
            {1100: {"200": 90}, 2100: {"200": 95}},
            {1: (0, 0), 2: (5, 0)},
            id="the first scrape of a pod is its base: what came before is not counted",
        ),
        pytest.param(
            {1100: {"200": 9}, 2100: {"200": 9, "500": 4}},
            {1: (0, 0), 2: (4, 4)},
            id="an error series that appears on a known pod counts from 0",
        ),
        pytest.param(
            {1100: {}, 2100: {"200": 4, "500": 1}},
            {1: (0, 0), 2: (5, 1)},
            id="the first requests of a known pod count from 0",
        ),
        pytest.param(
            {1100: {"200": 90}, 2100: {"200": 7, "500": 2}, 3100: {"200": 8, "500": 2}},
            {1: (0, 0), 2: (9, 2), 3: (1, 0)},
            id="after a reset the counters themselves are the increase",
        ),
        pytest.param(
            {1100: {"200": 90}, 2100: {"200": 10, "500": 99}},
            {1: (0, 0), 2: (109, 99)},
            id="a reset of one series is a reset of its pod, though the sum grew",
        ),
        pytest.param(
            {1100: {"200": 90, "500": 3}, 2100: {}, 3100: {"200": 2}},
            {1: (0, 0), 2: (0, 0), 3: (2, 0)},
            id="a pod that starts anew and has had no request yet counts nothing",
        ),
        pytest.param(
            {1100: {"200": 1}, 4100: {"200": 8}},
            {1: (0, 0), 4: (7, 0)},
            id="what happened in windows without a scrape falls into the next",
        ),
        pytest.param(
            {1100: {"200": 1}, 2100: None, 3100: {"200": 8}},
            {1: (0, 0), 3: (7, 0)},
            id="a failed scrape is no scrape",
        ),
        pytest.param(
            {1050: {"200": 1}, 1950: {"200": 2}, 2950: {"200": 3}},
            {1: (0, 0), 2: (2, 0)},
            id="of two scrapes in a window the first counts",
        ),
        pytest.param(
            {1100: {"200": 1}, 2100: {"200": float("nan")}, 3100: {"200": 4}},
            {1: (0, 0), 3: (3, 0)},
            id="a counter that is not a number makes a scrape useless, not a reset",
        ),
        pytest.param(
            {1100: {"200": 1}, 2100: {"200": 1e308}, 3100: {"200": 4}},
            {1: (0, 0), 3: (3, 0)},
            id="a counter that is too large to count one more makes a scrape useless",
        ),
        pytest.param(
            {1100: {"200": 1}, 2100: {"200": float("inf")}, 2200: {"200": 3}, 3100: {"200": 4}},
            {1: (0, 0), 2: (2, 0), 3: (1, 0)},
            id="the next scrape of the window stands in for a useless one",
        ),
    ],
)
def test_a_pod_is_counted(scrapes: Mapping[int, Scraped], expected: dict[int, tuple[int, int]]) -> None:
    assert of_challenger(scrapes) == expected


def test_a_window_with_one_arm_only_falls_into_the_next_for_both() -> None:
    record: Record = {
        CHAMPION: {1100: {"200": 10}, 2100: {"200": 20}, 3100: {"200": 40}},
        CHALLENGER: {1200: {"200": 1}, 2200: None, 3200: {"200": 4}},
    }

    assert count_errors(record, Span(T, after=1, through=3)) == (Window(3, block((30, 0), (3, 0))),)
    assert count_errors(record, Span(T, after=2, through=3)) == (Window(3, block((30, 0), (3, 0))),)


def test_a_pod_that_comes_later_and_one_that_goes_are_counted_while_they_are_there() -> None:
    record: Record = {
        CHAMPION: {index * T: {"200": 10 * index} for index in range(6)},
        CHALLENGER: {1000: {"200": 1}, 2000: {"200": 3}},
        "challenger-2": {2500: {"200": 100}, 3500: {"200": 101}, 4500: {"200": 105}},
    }

    windows = count_errors(record, Span(T, after=1, through=5))

    assert [(window.index, window.block.challenger.total) for window in windows] == [(2, 2), (3, 1), (4, 4)]


def test_a_scrape_belongs_to_the_window_in_which_it_can_be_read() -> None:
    slow: Record = {
        CHAMPION: {index * T + 900: {"200": index} for index in range(5)},
        CHALLENGER: {index * T + 900: {"200": index} for index in range(5)},
    }

    assert [window.index for window in count_errors(slow, Span(T, after=-1, through=4), took=0.05)] == [0, 1, 2, 3, 4]
    assert [window.index for window in count_errors(slow, Span(T, after=-1, through=4), took=0.3)] == [1, 2, 3, 4]


def test_a_pod_that_was_not_scraped_for_long_starts_anew() -> None:
    late = 1 + FORGET_AFTER
    champion: dict[int, Scraped] = {index * T: {} for index in range(late + 3)}

    known: Record = {CHAMPION: champion, CHALLENGER: {1000: {"200": 1}, late * T: {"200": 9}}}
    forgotten: Record = {CHAMPION: champion, CHALLENGER: {1000: {"200": 1}, (late + 1) * T: {"200": 9}}}

    assert [w.block.challenger.total for w in count_errors(known, Span(T, 1, late + 2))] == [8]
    assert [w.block.challenger.total for w in count_errors(forgotten, Span(T, 1, late + 2))] == [0]


def increases_between(*readings: Counters) -> list[Increase]:
    """What a challenger that is scraped once a window has counted in each window after the first."""
    scrapes = [
        Scrape(pod, index * T, counters if pod == CHALLENGER else Counters())
        for pod in (CHAMPION, CHALLENGER)
        for index, counters in enumerate(readings)
    ]
    windows = increases(scrapes, ARMS, Span(T, after=0, through=len(readings) - 1))
    return [window.pods[Arm.CHALLENGER][CHALLENGER] for window in windows if window.index > 0]


ALL: LabelSet = frozenset()


def test_a_reset_shows_in_the_part_where_it_does_not_in_the_whole() -> None:
    before, after = (Counters({TOTAL: {ALL: total}, PART: {ALL: part}}) for total, part in [(10, 9), (12, 2)])

    assert increases_between(before, after) == [Increase({TOTAL: 12, PART: 2}, {})]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param((10, 4.0), (12, 3.5), (2, -0.5), id="a sum of negative values falls without a reset"),
        pytest.param((10, -4.0), (2, -0.5), (2, -0.5), id="a count that fell was reset, and with it the sum"),
        pytest.param((10, 1e6 + 0.1), (11, 1e6 + 0.6), (1, 0.5), id="a sum keeps its fractions"),
    ],
)
def test_a_sum_grows_as_its_count_says(
    before: tuple[int, float], after: tuple[int, float], expected: tuple[int, float]
) -> None:
    readings = [Counters({"count": {ALL: count}}, {"sum": {ALL: total}}) for count, total in (before, after)]

    [grown] = increases_between(*readings)

    assert (grown.counts["count"], grown.sums["sum"]) == (expected[0], pytest.approx(expected[1]))


@pytest.mark.parametrize(
    ("last_scrapes", "missing"),
    [
        ({CHAMPION: 9, CHALLENGER: 9}, None),
        ({CHAMPION: 7, CHALLENGER: 9}, None),
        ({CHAMPION: 6, CHALLENGER: 9}, Arm.CHAMPION),
        ({CHAMPION: 9, CHALLENGER: 6}, Arm.CHALLENGER),
        ({CHAMPION: 9}, Arm.CHALLENGER),
    ],
)
def test_an_arm_is_missing_when_it_was_not_scraped_in_three_windows(
    last_scrapes: Mapping[str, int], missing: Arm | None
) -> None:
    scrapes = [Scrape(pod, index * T, Counters()) for pod, last in last_scrapes.items() for index in range(last + 1)]

    assert missing_arm(scrapes, ARMS, Span(T, after=8, through=9)) == missing


@pytest.mark.parametrize(
    ("now", "after", "expected"),
    [
        pytest.param(151.0, 8, Span(15_000, 8, 9), id="window 9 is complete a second after its end"),
        pytest.param(150.9, 8, Span(15_000, 8, 8), id="and not before"),
        pytest.param(151.0, None, Span(15_000, 9, 9), id="without anything counted before there is nothing to count"),
        pytest.param(15_001.0, 900, Span(15_000, 900, 999), id="windows missed are counted now"),
        pytest.param(15_001.0, 0, Span(15_000, 0, 720), id="a long gap takes several looks"),
        pytest.param(150_001.0, 0, Span(15_000, 8559, 9279, 8559), id="what is older than six hours is given up"),
        pytest.param(151.0, 20, Span(15_000, 20, 9), id="a clock that was ahead has to wait"),
    ],
)
def test_a_span_holds_the_complete_windows_that_were_not_counted(now: float, after: int | None, expected: Span) -> None:
    assert next_span(now, after, Settings(scrape_interval=15, scrape_lag=1)) == expected


WINDOWS = 12


# Time since the pod's scrape before (ms), the code and number of requests since then, and how the scrape went.
SCRAPES = st.lists(
    st.tuples(
        st.integers(1, 2500),
        st.sampled_from(["200", "404", "500"]),
        st.integers(0, 5),
        st.sampled_from(["read", "read", "read", "restarted", "failed"]),
    ),
    max_size=WINDOWS,
)


def scrapes_of_a_pod(history: list[tuple[int, str, int, str]]) -> dict[int, Scraped]:
    time = 0
    counters: dict[str, float] = {}
    scrapes: dict[int, Scraped] = {}
    for gap, code, requests, outcome in history:
        time += gap
        if outcome == "restarted":
            counters = {}
        if requests:
            counters[code] = counters.get(code, 0) + requests
        scrapes[time] = None if outcome == "failed" else dict(counters)
    return {time: scraped for time, scraped in scrapes.items() if time < WINDOWS * T}


def histories() -> st.SearchStrategy[Record]:
    """Pods that come, go, restart, are scraped at uneven times, sometimes twice a window, sometimes not at all."""
    pods = (CHAMPION, "champion-2", CHALLENGER, "challenger-2")
    return st.fixed_dictionaries({pod: SCRAPES.map(scrapes_of_a_pod) for pod in pods})


@given(histories(), st.lists(st.integers(-1, WINDOWS), max_size=5), st.sampled_from([0.0, 0.4, 1.0]))
@example({CHAMPION: {0: {}, 8802: {}}, CHALLENGER: {0: {}, 8802: {}}}, [1], 1.0)
def test_looking_in_parts_counts_the_same_as_looking_once(record: Record, stops: list[int], took: float) -> None:
    stops = sorted({-1, WINDOWS, *stops})

    parts = [
        window for after, through in pairwise(stops) for window in count_errors(record, Span(T, after, through), took)
    ]

    assert tuple(parts) == count_errors(record, Span(T, after=-1, through=WINDOWS), took)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=WINDOWS, max_size=WINDOWS),
    st.sets(st.integers(0, WINDOWS - 1)),
    st.sets(st.integers(0, WINDOWS - 1)),
)
def test_the_increase_is_counted_whatever_scrapes_are_missing(
    requests: list[tuple[int, int]], unscraped: set[int], failing: set[int]
) -> None:
    good = bad = 0
    scrapes: dict[int, Scraped] = {}
    for index, (more_good, more_bad) in enumerate(requests):
        good, bad = good + more_good, bad + more_bad
        if index not in unscraped:
            scrapes[index * T] = None if index in failing else {"200": good, "500": bad}
    read = [counters for counters in scrapes.values() if counters]

    windows = of_challenger(scrapes, after=-1)

    expected_bad = read[-1]["500"] - read[0]["500"] if read else 0
    expected_good = read[-1]["200"] - read[0]["200"] if read else 0
    assert sum(errors for _, errors in windows.values()) == expected_bad
    assert sum(total for total, _ in windows.values()) == expected_good + expected_bad


@given(histories())
def test_nothing_is_counted_that_did_not_happen(record: Record) -> None:
    happened = 0
    for scrapes in record.values():
        counters: Mapping[str, float] = {}
        for later in scrapes.values():
            if later is not None:
                restarted = any(later.get(code, 0) < value for code, value in counters.items())
                happened += sum(later.values()) - (0 if restarted else sum(counters.values()))
                counters = later

    windows = count_errors(record, Span(T, after=-1, through=WINDOWS))

    assert sum(window.block.champion.total + window.block.challenger.total for window in windows) <= happened
