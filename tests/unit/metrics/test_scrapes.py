"""A pod is read at its scrapes, whatever else Prometheus has recorded beside them."""

from collections.abc import Mapping

import pytest
from tests.unit.metrics.recorded import CHALLENGER, clock_of, counters_of, target_labels

from modelrollout.metrics.counting.scrapes import Counters, Scrape, read_scrapes, read_targets
from modelrollout.metrics.counting.series import Series, Unreadable

RECORD = {CHALLENGER: {1000: {"200": 1.0}, 2000: {"200": 3.0}}}
LABELS = target_labels(CHALLENGER)


def up(times: Mapping[int, float], **labels: str) -> Series:
    return Series({"__name__": "up", **LABELS, **labels}, times)


def requests(samples: Mapping[int, float], **labels: str) -> Series:
    return Series({"__name__": "r", **LABELS, **labels}, samples)


def read(clock: list[Series], counters: list[Series], since: int = 0) -> list[tuple[int, int]]:
    """When each scrape was finished, and the sum of what it read."""
    return [(s.finished, _sum(s)) for s in read_scrapes(read_targets(clock), {"total": counters}, {}, since)]


def _sum(scrape: Scrape[Counters]) -> int:
    return sum(value for group in scrape.reading.counts.values() for value in group.values())


def test_what_has_no_name_tells_nothing_of_scrapes() -> None:
    nameless = Series(LABELS, {1000: 0.0})

    assert read([*clock_of(RECORD), nameless], counters_of(RECORD)) == [(1000, 1), (2000, 3)]


@pytest.mark.parametrize("took", [1e308, float("nan"), float("inf"), -5.0])
def test_an_absurd_duration_of_a_scrape_is_none(took: float) -> None:
    assert read(clock_of(RECORD, took=took), counters_of(RECORD)) == [(1000, 1), (2000, 3)]


def test_a_scrape_is_finished_after_it_took_its_time() -> None:
    assert read(clock_of(RECORD, took=0.25), counters_of(RECORD)) == [(1250, 1), (2250, 3)]


def test_without_a_duration_a_scrape_is_instantaneous() -> None:
    assert read([up({1000: 1})], [requests({1000: 4})]) == [(1000, 4)]


def test_scrapes_before_the_counters_are_known_are_left_out() -> None:
    assert read(clock_of(RECORD), counters_of(RECORD), since=1000) == [(2000, 3)]


def test_a_sidecar_s_target_does_not_stand_for_the_model_s() -> None:
    model, sidecar = up({1000: 1, 2000: 0}, container="model"), up({1500: 1, 2500: 1}, container="proxy")

    assert read([model, sidecar], [requests({1000: 4}, container="model")]) == [(1000, 4)]


def test_a_pod_that_two_jobs_scrape_is_read_once_by_each_and_not_twice_over() -> None:
    clock = [up({1000: 1, 2000: 1}, job="a"), up({1400: 1, 2400: 1}, job="b")]
    counters = [requests({1000: 1, 2000: 3}, job="a"), requests({1400: 2, 2400: 4}, job="b")]

    scrapes = read_scrapes(read_targets(clock), {"total": counters}, {}, since=0)

    assert sorted((scrape.finished, _sum(scrape)) for scrape in scrapes) == [(1000, 1), (1400, 2), (2000, 3), (2400, 4)]
    assert len({labels for scrape in scrapes for labels in scrape.reading.counts["total"]}) == 1


def test_the_name_of_a_port_in_the_label_endpoint_does_not_part_a_target_from_its_counters() -> None:
    honoured = requests({1000: 4}, endpoint="/predict")
    renamed = requests({1000: 4}, endpoint="http", exported_endpoint="/predict")

    assert read([up({1000: 1}, endpoint="http")], [honoured]) == [(1000, 4)]
    assert read([up({1000: 1}, endpoint="http")], [renamed]) == [(1000, 4)]


def test_samples_between_the_scrapes_are_of_another_record() -> None:
    with pytest.raises(Unreadable, match="r of pod challenger-1 is not recorded at the times of its scrapes"):
        read([up({1000: 1, 2000: 1})], [requests({1003: 4, 2000: 7})])


def test_samples_after_the_last_known_scrape_are_of_a_later_one() -> None:
    assert read([up({1000: 1, 2000: 1})], [requests({1000: 4, 2000: 5, 3000: 6})]) == [(1000, 4), (2000, 5)]


def test_counters_without_a_scrape_beside_them_cannot_be_read() -> None:
    with pytest.raises(Unreadable, match="no series `up`"):
        read([up({1000: 1}, job="other")], [requests({1000: 4})])
