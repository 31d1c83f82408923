"""From histogram samples to counts above a boundary: latency becomes a proportion without interpolation.

"The p-quantile is above s" says the same as "more than 1 - p of the answers are slower than s". At a bucket
boundary that share is counted exactly, whereas a quantile estimated within a bucket can be far off.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """A Prometheus native histogram of standard schema: bucket j ends at 2 ** (j * 2 ** -schema), inclusive.

    `count` is the number of all observations, `buckets` the non-cumulative positive ones by index.
    """

    schema: int
    count: float
    buckets: Mapping[int, float]

    @property
    def boundaries(self) -> list[float]:
        """Upper boundaries of the buckets present, ascending."""
        return [bucket_end(self.schema, index) for index in sorted(self.buckets)]

    def downscaled(self, schema: int) -> "NativeHistogram":
        """The same observations in a coarser schema: neighbours merge, no boundary moves."""
        if schema > self.schema:
            raise ValueError(f"schema {self.schema} cannot be refined to {schema}")
        merged: dict[int, float] = {}
        for index, count in self.buckets.items():
            target = ((index - 1) >> (self.schema - schema)) + 1
            merged[target] = merged.get(target, 0.0) + count
        return NativeHistogram(schema, self.count, merged)

    def above(self, index: int) -> float:
        """Observations above the end of bucket `index` of this schema."""
        return math.fsum(count for bucket, count in self.buckets.items() if bucket > index)


def native_from_spans(spans: Iterable[tuple[float, float, float]], count: float) -> NativeHistogram:
    """A native histogram from (lower, upper, count) as the Prometheus HTTP API gives them.

    The schema is read off the width of the positive buckets; zero and negative buckets only count towards
    `count`. Raises ValueError if the widths differ or are of no standard schema.
    """
    positive = [span for span in spans if span[0] > 0]
    if not positive:
        return NativeHistogram(8, count, {})
    schemas = {-math.log2(math.log2(upper / lower)) for lower, upper, _ in positive}
    schema = round(min(schemas))
    if not -4 <= schema <= 8 or any(abs(found - schema) > 0.01 for found in schemas):
        raise ValueError("buckets are of no standard native schema")
    buckets = {round(math.log2(upper) * 2.0**schema): observed for _, upper, observed in positive}
    return NativeHistogram(schema, count, buckets)


def bucket_end(schema: int, index: int) -> float:
    """Upper boundary of a native bucket."""
    return float(2.0 ** (index * 2.0**-schema))


def bucket_at_least(schema: int, threshold: float) -> int:
    """Index of the native bucket with the smallest upper boundary that is not below a positive threshold."""
    exact = math.log2(threshold) * 2.0**schema
    nearest = round(exact)
    return nearest if abs(exact - nearest) < 1e-9 else math.ceil(exact)


def boundaries_around(boundaries: Iterable[float], threshold: float) -> tuple[float | None, float | None]:
    """The largest boundary at or below a threshold and the smallest finite one at or above it.

    If they differ the threshold lies inside a bucket. Then evidence for rollback is exact at the upper
    boundary and evidence for promotion at the lower one, and a user should be told. None where there is no
    such boundary.
    """
    finite = [boundary for boundary in boundaries if math.isfinite(boundary)]
    below = max((boundary for boundary in finite if boundary <= threshold), default=None)
    above = min((boundary for boundary in finite if boundary >= threshold), default=None)
    return below, above


def classic_above(cumulative: Mapping[float, float], boundary: float) -> tuple[float, float]:
    """(all observations, those above `boundary`) of a classic histogram given as cumulative count by `le`.

    Raises KeyError if `boundary` or +Inf is no bucket of it.
    """
    total = cumulative[math.inf]
    return total, total - cumulative[boundary]
