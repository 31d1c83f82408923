"""Predictions: what services count and record of them, and how the record is sent.

Metrics are Prometheus metrics of a model's pods; counters stand without the `_total` that clients add.
"""

from typing import TypedDict

PREDICTIONS = "modelrollout_predictions"
"""Counter by `endpoint`, `prediction`: the class that was predicted, or the range that the number lies in."""

UNSURE_PREDICTIONS = "modelrollout_unsure_predictions"
"""Counter by `endpoint`: those of PREDICTIONS with a confidence below the service's limit. Counted after the total."""

CONFIDENCE = "modelrollout_confidence"
"""Histogram by `endpoint`: confidence of the predictions, 0..1."""

PREDICTED_VALUE = "modelrollout_predicted_value"
"""Summary by `endpoint`: predictions that are numbers, in their own unit."""

FEATURE_VALUES = "modelrollout_feature_values"
"""Counter by `feature`, `bucket`: inputs, by the bucket of the training data that the value falls into."""

REFERENCE_SHARE = "modelrollout_reference_share"
"""Gauge by `feature`, `bucket`: share of the training data in the bucket, 0..1."""

REFERENCE_BOUNDARY = "modelrollout_reference_boundary"
"""Gauge by `feature`, `bucket`: the largest value in the bucket, in the feature's unit; infinity for the last one."""

REFERENCE_TIMESTAMP = "modelrollout_reference_timestamp_seconds"
"""Gauge: until when the training data reach, seconds since the epoch."""

RECORDS = "modelrollout_records"
"""Counter by `result`: records of predictions that a sink took (`accepted`, `duplicate`) or refused (`rejected`)."""

DROPPED_RECORDS = "modelrollout_dropped_records"
"""Counter by `reason`: records, or inputs of records, that reached no sink."""


class PredictionRecord(TypedDict):
    """A prediction, as an item of `predictions` in `POST /v1/predictions` of the outcomes service.

    The answer is `{"accepted": n, "duplicates": n, "rejected": [{"index": i, "reason": "..."}]}`.
    """

    request: str
    """Id of the request. The second prediction of a request has `/1` after it, the third `/2`."""
    namespace: str
    rollout: str
    version: str
    """The version in the Bento's tag: `v2` of `digits:v2`."""
    revision: str
    """Hash of what the pod runs, as in the label `modelrollout.io/version`; empty if unknown."""
    arm: str | None
    """Champion, challenger or baseline, if the gateway says so."""
    endpoint: str
    at: float
    """When the request came, seconds since the epoch."""
    prediction: str | float | None
    """Name of a class, or a number."""
    confidence: float | None
    """0..1"""
    segments: dict[str, str]
    """Labels that the service gives the request, such as its country."""
    key: str | None
    """The user's own id of what was predicted, for truths that know no request."""
    latency: float | None
    """From the request's arrival to the beginning of its answer, seconds."""
    shadow: bool
    """Whether the request was a mirrored copy, the answer to which nobody got."""
    input: object
    """JSON; None unless it was to be captured."""
