"""What Prometheus answers becomes series, exactly as it was recorded."""

from math import inf

import pytest

from modelrollout.metrics.counting.buckets import Histogram
from modelrollout.metrics.counting.series import Unreadable
from modelrollout.metrics.prometheus.answers import parse_histograms, parse_matrix


def test_numbers_are_parsed_to_the_millisecond() -> None:
    answer = [{"metric": {"__name__": "up", "pod": "a"}, "values": [[1700000000.123, "1"], [1700000015.1, "NaN"]]}]

    (series,) = parse_matrix(answer)

    assert series.name == "up"
    assert series.labels["pod"] == "a"
    assert list(series.samples) == [1700000000123, 1700000015100]


def test_a_native_histogram_is_no_number() -> None:
    with pytest.raises(Unreadable, match="histogram"):
        parse_matrix([{"metric": {}, "histograms": [[1, {"count": "1", "sum": "1"}]]}])


def test_native_histograms_are_parsed_and_numbers_beside_them_left_out() -> None:
    buckets = [[1, "-Inf", "0.1", "2"], [3, "0.1", "0.25", "3"], [0, "0.5", "+Inf", "1"]]
    answer = [
        {
            "metric": {"__name__": "d", "pod": "a"},
            "values": [[1.5, "7"]],
            "histograms": [[2.5, {"count": "6", "sum": "4.2", "buckets": buckets}], [3.5, {"count": "0", "sum": "0"}]],
        },
        {"metric": {"__name__": "d", "pod": "b"}, "values": [[1.5, "7"]]},
    ]

    (series,) = parse_histograms(answer)

    assert series.labels == {"__name__": "d", "pod": "a"}
    assert series.samples == {
        2500: Histogram((-inf, 0.1, 0.5), (0.1, 0.25, inf), (2, 5, 6)),
        3500: Histogram(),
    }


@pytest.mark.parametrize("count", ["NaN", "+Inf", "-3"])
def test_a_bucket_that_is_no_count_spoils_its_histogram(count: str) -> None:
    answer = [{"metric": {}, "histograms": [[1, {"count": "1", "sum": "1", "buckets": [[0, "1", "2", count]]}]]}]

    (series,) = parse_histograms(answer)

    assert series.samples == {1000: None}
