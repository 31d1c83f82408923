"""A fall of a counter is a restart if it looks like one; what is no process' counter is no evidence."""

import random
from collections.abc import Mapping, Sequence

import pytest
from tests.unit.metrics.recorded import ARMS, CHALLENGER, CHAMPION, Record, Scraped, clock_of, count_errors, counters_of

from modelrollout.metrics.counting.absence import explain_doubted
from modelrollout.metrics.counting.continuity import DEPTH, Followed
from modelrollout.metrics.counting.increases import increases
from modelrollout.metrics.counting.scrapes import read_scrapes, read_targets
from modelrollout.metrics.kinds import TOTAL
from modelrollout.metrics.windows import Span

T = 1000


def counted(readings: Sequence[Scraped]) -> list[int]:
    """The challenger's requests in each window after the first, beside an idle champion."""
    record: Record = {
        CHAMPION: {index * T + 100: {} for index in range(len(readings))},
        CHALLENGER: {index * T + 100: reading for index, reading in enumerate(readings)},
    }
    windows = count_errors(record, Span(T, 0, len(readings) - 1))
    return [window.block.challenger.total for window in windows]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([{"200": 100}, {"200": 20}, {"200": 30}], [20, 10], id="a restart counts from 0"),
        pytest.param([{"200": 100}, {"200": 97}, {"200": 103}], [0, 0], id="an answer from a proxy's memory does not"),
        pytest.param([{"200": 100}, {}, {"200": 103}, {"200": 105}], [0, 0, 0], id="a sample that was lost does not"),
        pytest.param(
            [{"200": 100, "500": 5}, {"200": 102}, {"200": 104, "500": 5}],
            [0, 0],
            id="nor does a series that was lost",
        ),
        pytest.param(
            [{"200": 1000}, {"200": 200}, {"200": 1010}, {"200": 1020}],
            [200, 0, 0],
            id="a worker that answers seldom is known when the other one is back",
        ),
        pytest.param(
            [{"200": value} for value in (100, 9, 90, 9, 80, 9, 70, 9, 60, 9, 50)],
            [9, 81, 9, 71, 9, 61, 9, 51, 0, 0],
            id="no pod restarts at every other scrape",
        ),
    ],
)
def test_a_fall_counts_as_a_restart_only_if_it_looks_like_one(
    readings: Sequence[Scraped], expected: Sequence[int]
) -> None:
    assert counted(readings) == expected


def test_a_pod_is_counted_again_when_its_counters_have_not_contradicted_each_other_for_long() -> None:
    readings: list[Scraped] = [{"200": 100}, *({"200": 97 + index} for index in range(40))]

    assert counted(readings) == [0] * 31 + [1] * 9


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_workers_with_registries_of_their_own_give_next_to_no_evidence(workers: int) -> None:
    choice = random.Random(workers)
    scrapes: list[Mapping[str, float]] = []
    totals = [[0, 0] for _ in range(workers)]
    for _ in range(300):
        for _ in range(40):
            totals[choice.randrange(workers)][choice.random() < 0.05] += 1
        good, bad = totals[choice.randrange(workers)]
        scrapes.append({"200": good, "500": bad})

    assert sum(counted(scrapes)) < 0.02 * 300 * 40


def test_whoever_is_left_out_is_told_with_the_reason() -> None:
    record: Record = {
        CHAMPION: {index * T + 100: {} for index in range(3)},
        CHALLENGER: {100: {"200": 103}, T + 100: {"200": 97}, 2 * T + 100: {"200": 105}},
    }
    followed, span = Followed(), Span(T, 0, 2)
    scrapes = read_scrapes(read_targets(clock_of(record)), {TOTAL: counters_of(record)}, {}, -1)
    list(followed.trusted(increases(scrapes, ARMS, span), span))

    assert explain_doubted(followed.doubted(2), ARMS) == (
        "challenger-1 is not counted: counters went from 103 to 97, which no restart explains (several workers behind "
        "one /metrics, a proxy before it, or lost samples)"
    )
    assert not followed.doubted(1 + DEPTH)
