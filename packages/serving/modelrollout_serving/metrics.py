"""Counters and histograms of a model's pods. BentoML serves them at /metrics, summed over its workers."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise

from prometheus_client import Counter, Gauge, Histogram, Summary

from modelrollout_contract import predictions as names
from modelrollout_serving.reference import Feature, Reference

MOST_VALUES = 100
"""So many classes and so many endpoints are told apart; what comes after them counts as OTHER."""

OTHER = "other"

_CONFIDENCE_ENDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)

_PREDICTIONS = Counter(names.PREDICTIONS, "Predictions by class, or by range of the number", ["endpoint", "prediction"])
_UNSURE = Counter(names.UNSURE_PREDICTIONS, "Those of the predictions that the model was not sure of", ["endpoint"])
_CONFIDENCE = Histogram(names.CONFIDENCE, "Confidence of the predictions", ["endpoint"], buckets=_CONFIDENCE_ENDS)
_VALUE = Summary(names.PREDICTED_VALUE, "Predictions that are numbers", ["endpoint"])
_FEATURES = Counter(names.FEATURE_VALUES, "Inputs by the bucket of the training data", ["feature", "bucket"])
_SHARE = Gauge(
    names.REFERENCE_SHARE, "Share of the training data in a bucket", ["feature", "bucket"], multiprocess_mode="max"
)
_BOUNDARY = Gauge(names.REFERENCE_BOUNDARY, "Largest value in a bucket", ["feature", "bucket"], multiprocess_mode="max")
_TIMESTAMP = Gauge(names.REFERENCE_TIMESTAMP, "Until when the training data reach", multiprocess_mode="max")
_RECORDS = Counter(names.RECORDS, "Records of predictions, by what became of them", ["result"])
_DROPPED = Counter(names.DROPPED_RECORDS, "Records, or inputs of records, that reached no sink", ["reason"])


def count_records(result: str, number: int) -> None:
    """Records that a sink took or refused."""
    if number:
        _RECORDS.labels(result).inc(number)


def count_dropped(reason: str, number: int = 1) -> None:
    """Records that reached no sink."""
    _DROPPED.labels(reason).inc(number)


class EndpointMetrics:
    """What is counted of one endpoint. unsure_below: a confidence. boundaries: between ranges of numbers."""

    def __init__(self, endpoint: str, unsure_below: float, boundaries: Sequence[float]) -> None:
        self._endpoint = endpoint
        self._unsure_below = unsure_below
        self._boundaries = boundaries
        self._ranges = ranges(boundaries)
        self._predictions: dict[str, Counter] = {}
        self._unsure = _UNSURE.labels(endpoint)
        self._confidence = _CONFIDENCE.labels(endpoint)

    def count(self, prediction: str | float | None, confidence: float | None) -> None:
        """Count a prediction, and after it, so that no scrape contradicts itself, that it was unsure."""
        if prediction is not None:
            self._counter(self._name(prediction)).inc()
        if confidence is not None:
            self._confidence.observe(confidence)
            if confidence < self._unsure_below:
                self._unsure.inc()

    def _name(self, prediction: str | float) -> str:
        if isinstance(prediction, str):
            return prediction
        if isinstance(prediction, int) and not self._boundaries:
            return str(prediction)
        _VALUE.labels(self._endpoint).observe(prediction)
        return self._ranges[bisect_left(self._boundaries, prediction)]

    def _counter(self, name: str) -> Counter:
        counter = self._predictions.get(name)
        if counter is None:
            known = name if len(self._predictions) < MOST_VALUES else OTHER
            counter = _PREDICTIONS.labels(self._endpoint, known)
            if known == name:
                self._predictions[name] = counter
        return counter


class FeatureMetrics:
    """Counts inputs by the buckets of a reference, which it shows beside them."""

    def __init__(self, reference: Reference) -> None:
        self._features = reference.features
        self._counters = {
            (feature.name, bucket): _FEATURES.labels(feature.name, bucket)
            for feature in reference.features
            for bucket in feature.buckets
        }
        _show(reference)

    def count(self, row: Mapping[str, object] | Sequence[object]) -> None:
        """Count one input: by names if it is a mapping, else by the columns of the training data."""
        for feature in self._features:
            self._counters[feature.name, feature.bucket(_value(row, feature))].inc()


def ranges(boundaries: Sequence[float]) -> tuple[str, ...]:
    """Names of the ranges between boundaries, as gates on drift call them."""
    if not boundaries:
        return ("any",)
    edges = [f"{boundary:g}" for boundary in boundaries]
    between = (f"{lower} to {upper}" for lower, upper in pairwise(edges))
    return (f"up to {edges[0]}", *between, f"above {edges[-1]}")


def _value(row: Mapping[str, object] | Sequence[object], feature: Feature) -> object:
    if isinstance(row, Mapping):
        return row.get(feature.name)
    return row[feature.column]


def _show(reference: Reference) -> None:
    for feature in reference.features:
        for bucket, share in feature.shares.items():
            _SHARE.labels(feature.name, bucket).set(share)
        for bucket, boundary in feature.ends.items():
            _BOUNDARY.labels(feature.name, bucket).set(boundary)
    if reference.data_until is not None:
        _TIMESTAMP.set(reference.data_until)
