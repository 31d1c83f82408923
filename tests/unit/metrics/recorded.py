"""A record of scrapes as Prometheus keeps it, written down as a table."""

from collections.abc import Iterable, Mapping

from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.bentoml import REQUESTS
from modelrollout.metrics.counting.continuity import Followed
from modelrollout.metrics.counting.increases import Increases, increases
from modelrollout.metrics.counting.reach import clock_since, counters_since
from modelrollout.metrics.counting.scrapes import SCRAPE_DURATION, UP, bare_scrapes, read_scrapes, read_targets
from modelrollout.metrics.counting.series import Recorded, Series, Value
from modelrollout.metrics.kinds import PART, TOTAL, proportions
from modelrollout.metrics.source import Arms
from modelrollout.metrics.windows import Span
from modelrollout.rollout.measurements import Window

ARMS = Arms("ml", "champion-[a-z0-9]+", "challenger-[a-z0-9]+")
CHAMPION, CHALLENGER = "champion-1", "challenger-1"

Scraped = Mapping[str, float] | None
"""Number of requests by status code as one scrape read them; None for a scrape that failed."""

Record = Mapping[str, Mapping[int, Scraped]]
"""The scrapes of each pod by the time they began at, in ms."""


def target_labels(pod: str) -> dict[str, str]:
    return {"namespace": "ml", "pod": pod, "job": "models", "instance": f"{pod}:3000"}


def clock_of(record: Record, took: float = 0.0) -> list[Series]:
    """`up` and `scrape_duration_seconds` (`took` for every scrape, in seconds)."""
    series = []
    for pod, scrapes in record.items():
        up = {time: 0.0 if counters is None else 1.0 for time, counters in scrapes.items()}
        series.append(Series({"__name__": UP, **target_labels(pod)}, up))
        series.append(Series({"__name__": SCRAPE_DURATION, **target_labels(pod)}, dict.fromkeys(scrapes, took)))
    return series


def counters_of(record: Record) -> list[Series]:
    """The request counters, one series for each pod and status code."""
    samples: dict[tuple[str, str], dict[int, float]] = {}
    for pod, scrapes in record.items():
        for time, counters in scrapes.items():
            for code, value in (counters or {}).items():
                samples.setdefault((pod, code), {})[time] = value
    return [
        Series({"__name__": REQUESTS, **target_labels(pod), "http_response_code": code, "endpoint": "/predict"}, values)
        for (pod, code), values in samples.items()
    ]


def failed(counters: Iterable[Series]) -> list[Series]:
    return [series for series in counters if series.labels["http_response_code"].startswith("5")]


def between(series: Iterable[Recorded[Value]], after: int, end: int) -> list[Recorded[Value]]:
    """What a query for the samples after `after` up to `end` gives."""
    cut = [
        Recorded(one.labels, {time: value for time, value in one.samples.items() if after < time <= end})
        for one in series
    ]
    return [one for one in cut if one.samples]


def increases_of(record: Record, span: Span, took: float = 0.0) -> tuple[Increases, ...]:
    """The windows that a look at the record counts. It sees no more of the record than it asks for."""
    targets = read_targets(between(clock_of(record, took), clock_since(span), span.end))
    since = counters_since(bare_scrapes(targets), ARMS, span)
    counters = between(counters_of(record), since, span.end)
    scrapes = read_scrapes(targets, {TOTAL: counters, PART: failed(counters)}, {}, since)
    return tuple(Followed().trusted(increases(scrapes, ARMS, span), span))


def count_errors(record: Record, span: Span, took: float = 0.0) -> tuple[Window, ...]:
    """The same as requests and errors."""
    return proportions(increases_of(record, span, took), ArmCounts)
