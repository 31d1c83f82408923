"""How far back one must read to count a span of scrape windows."""

from bisect import bisect_right
from collections.abc import Collection
from typing import Any

from modelrollout.metrics.counting.continuity import DEPTH
from modelrollout.metrics.counting.increases import by_window
from modelrollout.metrics.counting.scrapes import Scrape
from modelrollout.metrics.source import Arms
from modelrollout.metrics.windows import FORGET_AFTER, Span, is_remembered

# Windows in which a pod that is there may have been missed, commonly.
_USUAL_GAP = 4


def clock_since(span: Span, warm_up: int = 0, depth: int = DEPTH) -> int:
    """The time, in ms since the epoch, after which every scrape must be known to count the span.

    warm_up: how long before a pod is counted its requests must be known, in ms.
    depth: how many windows before the span tell which pods can be counted; 0 if that is known.
    """
    oldest_base = span.first_read - depth - FORGET_AFTER
    if warm_up:
        oldest_base = (span.start_of(oldest_base) - warm_up) // span.interval - FORGET_AFTER
    return _before_scrapes_of(oldest_base, span.interval)


def recent_clock_since(span: Span) -> int:
    """As `clock_since` without depth, if no pod that is scraped in the span was left unscraped for long before."""
    return _before_scrapes_of(span.first_read - _USUAL_GAP, span.interval)


def has_every_base(scrapes: Collection[Scrape[Any]], arms: Arms, span: Span) -> bool:
    """Whether the scrapes since `recent_clock_since` are all that is needed: every pod has one before the span."""
    first: dict[str, int] = {}
    for index, by_pod in by_window(scrapes, arms, span.interval):
        for pod in by_pod:
            first.setdefault(pod, index)
    return bool(first) and all(index < span.first_read for index in first.values())


def counters_since(
    scrapes: Collection[Scrape[Any]], arms: Arms, span: Span, warm_up: int = 0, depth: int = DEPTH
) -> int:
    """The time, in ms since the epoch, after which counters must be known to count the span.

    scrapes: all since `clock_since`, whatever was read. warm_up, depth: as there.
    """
    times: dict[str, list[int]] = {}
    for scrape in sorted(scrapes, key=lambda scrape: scrape.finished):
        times.setdefault(scrape.pod, []).append(scrape.finished)
    bases: dict[str, tuple[int, int]] = {}
    first = span.first_read - depth
    needed = [span.recent]
    for index, by_pod in by_window(scrapes, arms, span.interval):
        for pod, (_, scrape) in by_pod.items():
            base, base_finished = bases.get(pod, (index, scrape.finished))
            if index >= first and is_remembered(base, index):
                warm = bisect_right(times[pod], base_finished - warm_up)
                needed.append(times[pod][warm - 1] // span.interval if warm else base)
            bases[pod] = (index, scrape.finished)
    return _before_scrapes_of(min(needed), span.interval)


def _before_scrapes_of(index: int, interval: int) -> int:
    # A scrape is recorded under the time of its beginning, at most an interval before it was finished.
    return (index - 1) * interval - 1
