"""From Prometheus' answers to recorded series."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modelrollout.metrics.counting.buckets import Histogram
from modelrollout.metrics.counting.series import HistogramSeries, Recorded, Series, Unreadable, Value


def parse_matrix(result: Iterable[Mapping[str, Any]]) -> list[Series]:
    """The series of a Prometheus answer of type matrix: [{"metric": {...}, "values": [[seconds, "value"], ...]}, ...].

    Raises Unreadable for native histograms, KeyError, TypeError or ValueError for anything else.
    """
    entries = list(result)
    if any("histograms" in entry for entry in entries):
        raise Unreadable("the result is a histogram where a number is needed")
    return [_series(entry, "values", float) for entry in entries]


def parse_histograms(result: Iterable[Mapping[str, Any]]) -> list[HistogramSeries]:
    """The native histograms of a Prometheus answer of type matrix; numbers in it are left out.

    [{"metric": {...}, "histograms": [[seconds, {"count": ..., "sum": ..., "buckets": ...}], ...]}, ...], where buckets
    is [[rule, "lower", "upper", "count"], ...], ascending, without empty ones, and missing if all are empty.
    Raises KeyError, TypeError or ValueError for anything else.
    """
    return [_series(entry, "histograms", _histogram) for entry in result if "histograms" in entry]


def _series(entry: Mapping[str, Any], values: str, parse: Callable[[Any], Value]) -> Recorded[Value]:
    samples = {round(float(seconds) * 1000): parse(value) for seconds, value in entry[values]}
    return Recorded(labels=dict(entry["metric"]), samples=samples)


def _histogram(value: Mapping[str, Any]) -> Histogram | None:
    return Histogram.of([(float(low), float(high), float(count)) for _, low, high, count in value.get("buckets", ())])
