"""Scrape windows: the one clock by which the counters of all pods become evidence.

Window k is [k T, (k + 1) T) on the absolute clock, T being the scrape interval. Of every pod the first scrape that was
finished in a window stands for it. A window without a scrape of one arm is no window: what happened in it falls into
the next. What a window holds follows from the recorded samples alone, whenever and in how many parts one looks at them.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor, fsum
from typing import Any, Generic

from modelrollout.metrics.scrapes import Counters, LabelSet, Reading, Scrape
from modelrollout.metrics.source import Arm, Arms
from modelrollout.rollout.settings import WINDOWS_AT_ONCE, Settings

# A pod that was not scraped for so many windows starts anew, as if it were new. It bounds how far back one must read.
FORGET_AFTER = 120

# A single window is missed now and then; an arm that was not scraped in so many is missing.
_PATIENCE = 3

# Evidence older than this is not caught up with.
_LONGEST_GAP_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Increase:
    """By how much the counters and the sums of one pod have grown, by group; a group that it lacks is absent."""

    counts: Mapping[str, int]
    sums: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Increases:
    """Scrape window `index`: the increase of each pod that was scraped in it and before, by arm and name of the pod."""

    index: int
    pods: Mapping[Arm, Mapping[str, Increase]]


@dataclass(frozen=True, slots=True)
class Changes(Generic[Reading]):
    """What the scrapes read between which scrape window `index` lies.

    pods: of each pod that was scraped in it and before, by arm and name of the pod, the last reading before it and the
        one that stands for it.
    """

    index: int
    pods: Mapping[Arm, Mapping[str, tuple[Reading, Reading]]]

    @property
    def readings(self) -> list[Reading]:
        """All of them."""
        return [reading for of_arm in self.pods.values() for both in of_arm.values() for reading in both]

    def increases(self, counters: Callable[[Reading], Counters]) -> Increases:
        """By how much the counters in the readings have grown.

        A count that fell was reset, and with it all that its pod counts and sums up: the increase is what they have
        reached since.
        """
        return Increases(
            self.index,
            {
                arm: {pod: _increase(*map(counters, both)) for pod, both in of_arm.items()}
                for arm, of_arm in self.pods.items()
            },
        )


@dataclass(frozen=True, slots=True)
class Span:
    """The windows after `after` up to `through`, each `interval` ms long; `skipped` ones before them are given up."""

    interval: int
    after: int
    through: int
    skipped: int = 0

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


def clock_since(span: Span, warm_up: int = 0) -> int:
    """The time, in ms since the epoch, after which every scrape must be known to count the span.

    warm_up: how long before a pod is counted its requests must be known, in ms.
    """
    oldest_base = _first_read(span) - FORGET_AFTER
    if warm_up:
        oldest_base = (span.start_of(oldest_base) - warm_up) // span.interval - FORGET_AFTER
    return _before_scrapes_of(oldest_base, span.interval)


def counters_since(scrapes: Collection[Scrape[Any]], arms: Arms, span: Span, warm_up: int = 0) -> int:
    """The time, in ms since the epoch, after which counters must be known to count the span.

    scrapes: all since `clock_since`, whatever was read. warm_up: as there.
    """
    times: dict[str, list[int]] = {}
    for scrape in sorted(scrapes, key=lambda scrape: scrape.finished):
        times.setdefault(scrape.pod, []).append(scrape.finished)
    bases: dict[str, tuple[int, int]] = {}
    needed = [span.recent]
    for index, by_pod in _windows(scrapes, arms, span.interval):
        for pod, (_, scrape) in by_pod.items():
            base, base_finished = bases.get(pod, (index, scrape.finished))
            if index >= _first_read(span) and is_remembered(base, index):
                warm = bisect_right(times[pod], base_finished - warm_up)
                needed.append(times[pod][warm - 1] // span.interval if warm else base)
            bases[pod] = (index, scrape.finished)
    return _before_scrapes_of(min(needed), span.interval)


def changes(scrapes: Collection[Scrape[Reading]], arms: Arms, span: Span) -> Iterator[Changes[Reading]]:
    """The windows of the span in which both arms were scraped, with what happened since the pods' last one.

    scrapes: in any order, all since `counters_since`. The first scrape of a pod is its base only.
    """
    bases: dict[str, int] = {}
    readings: dict[str, Reading] = {}
    for index, by_pod in _windows(scrapes, arms, span.interval):
        pods: dict[Arm, dict[str, tuple[Reading, Reading]]] = {arm: {} for arm in Arm}
        for pod, (arm, scrape) in by_pod.items():
            if pod in bases and is_remembered(bases[pod], index):
                pods[arm][pod] = (readings[pod], scrape.reading)
            bases[pod], readings[pod] = index, scrape.reading
        if span.after < index <= span.through:
            yield Changes(index, pods)


def increases(scrapes: Collection[Scrape[Counters]], arms: Arms, span: Span) -> tuple[Increases, ...]:
    """By how much the counters have grown in the windows of `changes`."""
    return tuple(window.increases(lambda counters: counters) for window in changes(scrapes, arms, span))


def is_remembered(earlier: int, index: int) -> bool:
    """Whether a pod is in window `index` still the one that was scraped in window `earlier` and not since."""
    return index - earlier <= FORGET_AFTER


def missing_arm(scrapes: Collection[Scrape[Any]], arms: Arms, span: Span) -> Arm | None:
    """An arm that was not scraped in the last windows of the span."""
    start = span.start_of(span.recent)
    present = {arms.arm_of(scrape.pod) for scrape in scrapes if start <= scrape.finished < span.end}
    return next((arm for arm in arms.present if arm not in present), None)


def _windows(
    scrapes: Collection[Scrape[Reading]], arms: Arms, interval: int
) -> Iterator[tuple[int, Mapping[str, tuple[Arm, Scrape[Reading]]]]]:
    """For each window in which both arms were scraped the scrape that stands for each pod, in order."""
    arm_of = {pod: arms.arm_of(pod) for pod in {scrape.pod for scrape in scrapes}}
    windows: dict[int, dict[str, tuple[Arm, Scrape[Reading]]]] = {}
    for scrape in sorted(scrapes, key=lambda scrape: scrape.finished):
        if arm := arm_of[scrape.pod]:
            windows.setdefault(scrape.finished // interval, {}).setdefault(scrape.pod, (arm, scrape))
    for index in sorted(windows):
        if {arm for arm, _ in windows[index].values()} == set(arms.present):
            yield index, windows[index]


def _before_scrapes_of(index: int, interval: int) -> int:
    # A scrape is recorded under the time of its beginning, at most an interval before it was finished.
    return (index - 1) * interval - 1


def _first_read(span: Span) -> int:
    """The first window of which something must be known: to count it, or to tell whether an arm is there."""
    return min(span.after + 1, span.recent)


def _increase(base: Counters, now: Counters) -> Increase:
    if any(_was_reset(group, now.counts.get(name, {})) for name, group in base.counts.items()):
        base = Counters()
    return Increase(
        counts={
            name: sum(group.values()) - sum(base.counts.get(name, {}).values()) for name, group in now.counts.items()
        },
        # Exact up to the last rounding, so that the order in which series are answered does not matter.
        sums={name: fsum(group.values()) - fsum(base.sums.get(name, {}).values()) for name, group in now.sums.items()},
    )


def _was_reset(base: Mapping[LabelSet, int], now: Mapping[LabelSet, int]) -> bool:
    return any(now.get(labels, 0) < value for labels, value in base.items())
