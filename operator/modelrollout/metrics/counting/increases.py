"""What grew between the scrapes that stand for the windows."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any, Generic

from modelrollout.metrics.counting.scrapes import Counters, Reading, Scrape
from modelrollout.metrics.source import Arm, Arms
from modelrollout.metrics.windows import Span, is_remembered

Levels = Mapping[Hashable, int]
"""What the counters of one pod stand at, by group and labels."""


def recent(scrapes: Iterable[Scrape[Reading]], span: Span) -> list[Scrape[Reading]]:
    """The scrapes that were finished in the last windows of a span."""
    return [scrape for scrape in scrapes if scrape.finished >= span.start_of(span.recent)]


@dataclass(frozen=True, slots=True)
class Increase:
    """By how much the counters and the sums of one pod have grown, by group; a group that it lacks is absent.

    before, after: what its counters stood at.
    """

    counts: Mapping[str, int]
    sums: Mapping[str, float]
    before: Levels = field(default_factory=dict, compare=False)
    after: Levels = field(default_factory=dict, compare=False)

    @property
    def started_anew(self) -> bool:
        """Whether a counter fell, so that everything counts from 0."""
        return any(self.after.get(key, 0) < value for key, value in self.before.items())


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


def changes(scrapes: Collection[Scrape[Reading]], arms: Arms, span: Span) -> Iterator[Changes[Reading]]:
    """The windows in which both arms were scraped, with what happened since the pods' last one.

    scrapes: in any order, all since `counters_since`. The first scrape of a pod is its base only. Windows from before
    the span come first: they tell which pods can be counted.
    """
    bases: dict[str, int] = {}
    readings: dict[str, Reading] = {}
    for index, by_pod in by_window(scrapes, arms, span.interval):
        pods: dict[Arm, dict[str, tuple[Reading, Reading]]] = {arm: {} for arm in Arm}
        for pod, (arm, scrape) in by_pod.items():
            if pod in bases and is_remembered(bases[pod], index):
                pods[arm][pod] = (readings[pod], scrape.reading)
            bases[pod], readings[pod] = index, scrape.reading
        if index <= span.through:
            yield Changes(index, pods)


def increases(scrapes: Collection[Scrape[Counters]], arms: Arms, span: Span) -> Iterator[Increases]:
    """By how much the counters have grown in the windows of `changes`."""
    return (window.increases(lambda counters: counters) for window in changes(scrapes, arms, span))


def missing_arm(scrapes: Collection[Scrape[Any]], arms: Arms, span: Span) -> Arm | None:
    """An arm that was not scraped in the last windows of the span."""
    start = span.start_of(span.recent)
    present = {arms.arm_of(scrape.pod) for scrape in scrapes if start <= scrape.finished < span.end}
    return next((arm for arm in arms.present if arm not in present), None)


def by_window(
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


def _increase(base: Counters, now: Counters) -> Increase:
    before, after = levels(base), levels(now)
    if any(after.get(key, 0) < value for key, value in before.items()):
        base = Counters()
    return Increase(
        counts={
            name: sum(group.values()) - sum(base.counts.get(name, {}).values()) for name, group in now.counts.items()
        },
        # Exact up to the last rounding, so that the order in which series are answered does not matter.
        sums={name: fsum(group.values()) - fsum(base.sums.get(name, {}).values()) for name, group in now.sums.items()},
        before=before,
        after=after,
    )


def levels(counters: Counters) -> Levels:
    """What the counters of a pod stand at."""
    return {(name, labels): value for name, group in counters.counts.items() for labels, value in group.items()}
