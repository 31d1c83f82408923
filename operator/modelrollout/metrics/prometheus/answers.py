"""From Prometheus' answers to recorded series."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from modelrollout.metrics.counting.buckets import Histogram
from modelrollout.metrics.counting.series import HistogramSeries, Recorded, Series, Unreadable, Value


class MakesNoSense(Exception):
    """What was answered is not what Prometheus answers."""


def parse_matrix(result: object) -> list[Series]:
    """The series of a Prometheus answer of type matrix: [{"metric": {...}, "values": [[seconds, "value"], ...]}, ...].

    Raises Unreadable for native histograms; MakesNoSense, LookupError, TypeError, ValueError or ArithmeticError for
    anything else.
    """
    entries = _entries(result)
    if any("histograms" in entry for entry in entries):
        raise Unreadable("the result is a histogram where a number is needed")
    return [_series(entry, "values", _number) for entry in entries]


def parse_histograms(result: object) -> list[HistogramSeries]:
    """The native histograms of a Prometheus answer of type matrix; numbers in it are left out.

    [{"metric": {...}, "histograms": [[seconds, {"count": ..., "sum": ..., "buckets": ...}], ...]}, ...], where buckets
    is [[rule, "lower", "upper", "count"], ...], ascending, without empty ones, and missing if all are empty.
    Raises as `parse_matrix` for anything else.
    """
    return [_series(entry, "histograms", _histogram) for entry in _entries(result) if "histograms" in entry]


def parse_labels(result: object) -> list[Mapping[str, str]]:
    """The labels of all series of an answer, whatever its type. Raises as `parse_matrix`."""
    return [_labels(entry) for entry in _entries(result)]


def _entries(result: object) -> list[Mapping[str, Any]]:
    if not isinstance(result, list) or not all(isinstance(entry, dict) for entry in result):
        raise MakesNoSense
    return result


def _labels(entry: Mapping[str, Any]) -> Mapping[str, str]:
    labels = entry["metric"]
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise MakesNoSense
    return labels


def _series(entry: Mapping[str, Any], values: str, parse: Callable[[Any], Value]) -> Recorded[Value]:
    samples = {_milliseconds(seconds): parse(value) for seconds, value in entry[values]}
    return Recorded(labels=_labels(entry), samples=samples)


def _milliseconds(seconds: Any) -> int:
    moment = float(seconds)
    if not isfinite(moment):
        raise MakesNoSense
    return round(moment * 1000)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise MakesNoSense
    return float(value)


def _histogram(value: Mapping[str, Any]) -> Histogram | None:
    return Histogram.of([(float(low), float(high), float(count)) for _, low, high, count in value.get("buckets", ())])
