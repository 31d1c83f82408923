"""A record of request durations in histograms, and what is counted of it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from math import ceil, inf, log2

from tests.unit.metrics.recorded import ARMS, Scraped, between, clock_of, target_labels

from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.counting.buckets import Histogram
from modelrollout.metrics.counting.continuity import Followed
from modelrollout.metrics.counting.histograms import read_histograms, split_at_boundary, totals
from modelrollout.metrics.counting.increases import changes
from modelrollout.metrics.counting.reach import clock_since, counters_since
from modelrollout.metrics.counting.scrapes import bare_scrapes, read_targets
from modelrollout.metrics.counting.series import HistogramSeries, Recorded, Series
from modelrollout.metrics.counting.warm_up import warm_changes, with_age
from modelrollout.metrics.kinds import proportions
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import Span
from modelrollout.rollout.measurements import Window

T = 1000
NAME = "duration_seconds"
ENDS = (0.1, 0.25, 0.5, inf)

Durations = Sequence[float]
Scrapes = Mapping[int, Histogram | None]
"""What each scrape of a pod read as a native histogram, by the time it began at; None for no counts."""


def native(durations: Durations, schema: int) -> Histogram:
    indexes = [ceil(log2(duration) * 2.0**schema) for duration in durations]
    return filled((end(schema, i - 1), end(schema, i), indexes.count(i)) for i in sorted(set(indexes)))


def end(schema: int, index: int) -> float:
    return float(2.0 ** (index * 2.0**-schema))


def custom(durations: Durations, ends: Sequence[float] = ENDS) -> Histogram:
    """A classic histogram that was stored as a native one: as it is, without empty buckets."""
    counted = [(low, high, sum(low < d <= high for d in durations)) for low, high in pairwise([-inf, *ends])]
    return filled(bucket for bucket in counted if bucket[2])


def filled(buckets: Iterable[tuple[float, float, int]]) -> Histogram:
    histogram = Histogram.of(list(buckets))
    assert histogram
    return histogram


def native_series(pod: str, scrapes: Scrapes) -> HistogramSeries:
    return Recorded({"__name__": NAME, **target_labels(pod), "endpoint": "/predict"}, scrapes)


def classic_series(pod: str, scrapes: Mapping[int, Durations], ends: Sequence[float] = ENDS) -> list[Series]:
    return [
        Series(
            {"__name__": f"{NAME}_bucket", **target_labels(pod), "endpoint": "/predict", "le": f"{le:g}"},
            {time: float(sum(duration <= le for duration in durations)) for time, durations in scrapes.items()},
        )
        for le in ends
    ]


def count_slow(
    threshold: float,
    classic: Sequence[Series],
    natives: Sequence[HistogramSeries],
    span: Span,
    warm_up: int = 0,
    needed: Collection[Arm] = tuple(Arm),
) -> tuple[Window, ...]:
    """What a look counts that sees no more of the record than it asks for. threshold in seconds, warm_up in ms."""
    times: dict[str, dict[int, Scraped]] = {}
    for series in (*classic, *natives):
        times.setdefault(series.labels["pod"], {}).update({time: {} for time in series.samples})
    targets = read_targets(between(clock_of(times), clock_since(span, warm_up), span.end))
    since = counters_since(bare_scrapes(targets), ARMS, span, warm_up)
    scrapes = read_histograms(targets, between(classic, since, span.end), between(natives, since, span.end), since)
    changed = tuple(changes(with_age(scrapes, span.interval, totals), ARMS, span))
    warm, all_ = (split_at_boundary(warm_changes(changed, age, needed), threshold) for age in (warm_up, 0))
    return proportions(Followed().trusted(warm, span, all_), ArmCounts)
