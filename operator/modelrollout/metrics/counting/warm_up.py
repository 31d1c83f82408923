"""Warm-up: what a pod answers soon after its first request is left out, where a gate asks for that."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from modelrollout.metrics.counting.histograms import Histograms
from modelrollout.metrics.counting.increases import Changes
from modelrollout.metrics.counting.scrapes import Scrape
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import is_remembered


@dataclass(frozen=True, slots=True)
class Aged:
    """What a scrape read of a pod, when it was finished, and when the first one was that showed a request.

    Times in ms since the epoch; `first` is None before there was a request. A pod that started anew has a new one.
    """

    histograms: Histograms
    finished: int
    first: int | None

    def is_warm(self, warm_up: int) -> bool:
        """Whether the first request showed at least `warm_up` ms before this scrape; always without a warm-up."""
        return not warm_up or (self.first is not None and self.first + warm_up <= self.finished)


def with_age(scrapes: Iterable[Scrape[Histograms]], interval: int) -> list[Scrape[Aged]]:
    """The scrapes in order, with the age of their pods. interval: of the scrapes, in ms."""
    last: dict[str, Aged] = {}
    aged = []
    for scrape in sorted(scrapes, key=lambda scrape: scrape.finished):
        before = last.get(scrape.pod)
        first = before.first if before and not _started_anew(before, scrape, interval) else None
        if first is None and any(histogram.total for histogram in scrape.reading.values()):
            first = scrape.finished
        last[scrape.pod] = Aged(scrape.reading, scrape.finished, first)
        aged.append(Scrape(scrape.pod, scrape.finished, last[scrape.pod]))
    return aged


def warm_changes(
    windows: Iterable[Changes[Aged]], warm_up: int, needed: Collection[Arm]
) -> Iterator[Changes[Histograms]]:
    """The windows with those pods only that were warm when the window began for them and did not start anew in it.

    With a warm-up (ms) a window in which an arm needed has no such pod is left out for both arms, and for good: merged
    with the next it would compare answers of different times.
    """
    for window in windows:
        warm = {
            arm: {
                pod: (base.histograms, now.histograms)
                for pod, (base, now) in pods.items()
                if not warm_up or (base.is_warm(warm_up) and base.first == now.first)
            }
            for arm, pods in window.pods.items()
        }
        if not warm_up or all(warm[arm] for arm in needed):
            yield Changes(window.index, warm)


def _started_anew(before: Aged, scrape: Scrape[Histograms], interval: int) -> bool:
    if not is_remembered(before.finished // interval, scrape.finished // interval):
        return True
    return any(
        labels not in scrape.reading or scrape.reading[labels].total < histogram.total
        for labels, histogram in before.histograms.items()
    )
