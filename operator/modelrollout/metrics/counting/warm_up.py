"""Warm-up: what a pod answers soon after its first request is left out, where a gate asks for that."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic

from modelrollout.metrics.counting.increases import Changes, Levels
from modelrollout.metrics.counting.scrapes import Reading, Scrape
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import is_remembered


@dataclass(frozen=True, slots=True)
class Aged(Generic[Reading]):
    """What a scrape read of a pod, when it was finished, and when the first one was that showed a request.

    Times in ms since the epoch; `first` is None before there was a request. A pod that started anew has a new one.
    """

    reading: Reading
    finished: int
    first: int | None

    def is_warm(self, warm_up: int) -> bool:
        """Whether the first request showed at least `warm_up` ms before this scrape; always without a warm-up."""
        return not warm_up or (self.first is not None and self.first + warm_up <= self.finished)


def with_age(
    scrapes: Iterable[Scrape[Reading]], interval: int, levels: Callable[[Reading], Levels]
) -> list[Scrape[Aged[Reading]]]:
    """The scrapes in order, with the age of their pods.

    interval: of the scrapes, in ms. levels: what counts a pod's requests in a reading, and falls as it starts anew.
    """
    last: dict[str, Aged[Reading]] = {}
    aged = []
    for scrape in sorted(scrapes, key=lambda scrape: scrape.finished):
        before, now = last.get(scrape.pod), levels(scrape.reading)
        first = None
        if before and is_remembered(before.finished // interval, scrape.finished // interval):
            first = None if _started_anew(levels(before.reading), now) else before.first
        if first is None and any(now.values()):
            first = scrape.finished
        last[scrape.pod] = Aged(scrape.reading, scrape.finished, first)
        aged.append(Scrape(scrape.pod, scrape.finished, last[scrape.pod]))
    return aged


def warm_changes(
    windows: Iterable[Changes[Aged[Reading]]], warm_up: int, needed: Collection[Arm]
) -> Iterator[Changes[Reading]]:
    """The windows with those pods only that were warm when the window began for them and did not start anew in it.

    With a warm-up (ms) a window in which an arm needed has no such pod is left out for both arms, and for good: merged
    with the next it would compare answers of different times.
    """
    for window in windows:
        warm = {
            arm: {
                pod: (base.reading, now.reading)
                for pod, (base, now) in pods.items()
                if not warm_up or (base.is_warm(warm_up) and base.first == now.first)
            }
            for arm, pods in window.pods.items()
        }
        if not warm_up or all(warm[arm] for arm in needed):
            yield Changes(window.index, warm)


def _started_anew(before: Levels, now: Levels) -> bool:
    return any(now.get(key, -1) < value for key, value in before.items())
