"""Scrape windows: the one clock by which the counters of all pods become evidence.

Window k is [k T, (k + 1) T) on the absolute clock, T being the scrape interval. Of every pod the first scrape that was
finished in a window stands for it. A window without a scrape of one arm is no window: what happened in it falls into
the next. What a window holds follows from the recorded samples alone, whenever and in how many parts one looks at them.
"""

from dataclasses import dataclass, replace
from math import ceil, floor

from modelrollout.rollout.settings import WINDOWS_AT_ONCE, Settings

# A pod that was not scraped for so many windows starts anew, as if it were new. It bounds how far back one must read.
FORGET_AFTER = 120

# A single window is missed now and then; an arm that was not scraped in so many is missing.
_PATIENCE = 3

SCRAPED_AFTER_WINDOWS = _PATIENCE + 2
"""A pod that has served for so many windows must have been scraped in the last windows of a span."""

# Evidence older than this is not caught up with.
_LONGEST_GAP_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Span:
    """The windows after `after` up to `through`, each `interval` ms long; `skipped` ones before them are given up."""

    interval: int
    after: int
    through: int
    skipped: int = 0

    @property
    def length(self) -> int:
        """Number of windows."""
        return self.through - self.after

    @property
    def first_read(self) -> int:
        """The first window of which something must be known: to count it, or to tell whether an arm is there."""
        return min(self.after + 1, self.recent)

    def shortened(self, length: int) -> "Span":
        """The first windows of the span."""
        return replace(self, through=self.after + length)

    @property
    def end(self) -> int:
        """When the last window ends, in ms since the epoch."""
        return self.start_of(self.through + 1)

    @property
    def recent(self) -> int:
        """The first of the last windows, in which an arm that is there must have been scraped."""
        return self.through - _PATIENCE + 1

    def start_of(self, index: int) -> int:
        """When a window begins, in ms since the epoch."""
        return index * self.interval


def next_span(now: float, after: int | None, settings: Settings) -> Span:
    """What to count at `now` (seconds since the epoch): the complete windows after `after`, as many as one look takes.

    Without an `after` there is nothing to count yet and the span is empty.
    """
    interval = round(settings.scrape_interval * 1000)
    complete = floor((now - settings.scrape_lag) * 1000 / interval) - 1
    if after is None:
        return Span(interval, after=complete, through=complete)
    oldest = complete - ceil(_LONGEST_GAP_SECONDS * 1000 / interval)
    first = max(after, oldest)
    return Span(interval, after=first, through=min(complete, first + WINDOWS_AT_ONCE), skipped=first - after)


def is_remembered(earlier: int, index: int) -> bool:
    """Whether a pod is in window `index` still the one that was scraped in window `earlier` and not since."""
    return index - earlier <= FORGET_AFTER
