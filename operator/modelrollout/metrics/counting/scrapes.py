"""From recorded series to scrapes: when a pod was read, and what its counters said then."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from modelrollout.metrics.bentoml import LABELS
from modelrollout.metrics.counting.buckets import LARGEST_COUNT
from modelrollout.metrics.counting.series import NAME, Recorded, Series, Unreadable, Value

LabelSet = frozenset[tuple[str, str]]
Reading = TypeVar("Reading")

# What is larger is no sum that a service makes, and the square of it would be no number.
_LARGEST_SUM = 1e100

_LONGEST_SCRAPE_SECONDS = 3600.0

# What Prometheus itself records of every scrape.
UP = "up"
SCRAPE_DURATION = "scrape_duration_seconds"


Groups = Mapping[str, Sequence[Series]]
"""Series that count, or sum up, the same, by a name for what that is."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What one pod had counted by one moment: the value of every series, in named groups.

    counts: whole numbers, which only fall when the pod starts anew.
    sums: of values of either sign, which may fall without that. Every pod that has them has counts beside them.
    """

    counts: Mapping[str, Mapping[LabelSet, int]] = field(default_factory=dict)
    sums: Mapping[str, Mapping[LabelSet, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scrape(Generic[Reading]):
    """One successful scrape of a pod, and what was read.

    finished: ms since the epoch. It is the moment from which the scrape can be read; samples are recorded under the
    moment at which it began.
    """

    pod: str
    finished: int
    reading: Reading


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What Prometheus scrapes a pod under.

    labels: what it adds to every series that it reads there.
    succeeded: times of the successful scrapes, and when each was finished; failed: times of the others; in ms.
    """

    pod: str
    labels: LabelSet
    succeeded: Mapping[int, int]
    failed: frozenset[int]

    def exposes(self, series: Recorded[Any]) -> bool:
        """Whether a series can come from this target."""
        return series.labels.items() >= self.labels

    def agrees_with(self, series: Recorded[Any]) -> bool:
        """Whether a series has no sample between this target's scrapes."""
        scrapes = self.succeeded.keys() | self.failed
        return not any(min(scrapes) < time < max(scrapes) for time in series.samples.keys() - scrapes)


def read_targets(clock: Iterable[Series]) -> list[Target]:
    """Targets from the series `up` and `scrape_duration_seconds`. Without the latter scrapes count as instantaneous."""
    ups: dict[LabelSet, Series] = {}
    durations: dict[LabelSet, Series] = {}
    by_name = {UP: ups, SCRAPE_DURATION: durations}
    for series in clock:
        if series.name in by_name:
            by_name[series.name][_target_labels(series)] = series
    targets = []
    for labels, up in ups.items():
        took = durations[labels].samples if labels in durations else {}
        targets.append(
            Target(
                pod=up.labels.get("pod", ""),
                labels=labels,
                succeeded={time: time + _milliseconds(took.get(time)) for time, ok in up.samples.items() if ok == 1},
                failed=frozenset(time for time, ok in up.samples.items() if ok != 1),
            )
        )
    return [target for target in targets if target.succeeded or target.failed]


def bare_scrapes(targets: Iterable[Target]) -> list[Scrape[None]]:
    """Every successful scrape, without what was read."""
    return [Scrape(target.pod, finished, None) for target in targets for finished in target.succeeded.values()]


def read_scrapes(targets: Sequence[Target], counts: Groups, sums: Groups, since: int) -> list[Scrape[Counters]]:
    """The successful scrapes after `since` (ms) with the counters as they were read then.

    A series without a sample at a scrape counts 0 there: a client library creates it with its first event. A scrape
    that read something else than a count, or than a finite sum, is left out. Of a pod's targets only those matter that
    the counts come from. Raises Unreadable as `by_target` does.
    """
    counted = {name: by_target(targets, series) for name, series in counts.items()}
    summed = {name: by_target(targets, series) for name, series in sums.items()}
    return assemble(
        targets,
        carriers={target for group in counted.values() for target in group},
        read=lambda target: _readings(_of_target(target, counted), _of_target(target, summed)),
        nothing=Counters(),
        since=since,
    )


def assemble(
    targets: Sequence[Target],
    carriers: Collection[Target],
    read: Callable[[Target], Mapping[int, Reading | None]],
    nothing: Reading,
    since: int,
) -> list[Scrape[Reading]]:
    """The successful scrapes after `since` (ms) with what was read then.

    Of a pod's targets only the carriers matter, if there are any (others are its sidecars'); two that show the same, as
    two replicas of Prometheus do, are taken as one.

    read: what was read from a target, by the time; None makes a scrape useless, and at other times there was `nothing`.
    """
    by_pod: dict[str, list[Target]] = {}
    for target in targets:
        by_pod.setdefault(target.pod, []).append(target)
    scrapes = []
    for of_pod in by_pod.values():
        for target in [target for target in of_pod if target in carriers] or of_pod:
            readings = read(target)
            for time, finished in target.succeeded.items():
                reading = readings.get(time, nothing)
                if time > since and reading is not None:
                    scrapes.append(Scrape(target.pod, finished, reading))
    return scrapes


def by_target(
    targets: Iterable[Target], series: Iterable[Recorded[Value]]
) -> dict[Target, dict[LabelSet, Recorded[Value]]]:
    """Series by the target that they come from, and by the labels that they have beyond the target's.

    Raises Unreadable if samples do not lie at the times of the scrapes. Nothing could tell then whether a series is
    absent, and the counters of a pod would seem to start anew again and again.
    """
    of_pods: dict[str, list[Target]] = {}
    for target in targets:
        of_pods.setdefault(target.pod, []).append(target)
    grouped: dict[Target, dict[LabelSet, Recorded[Value]]] = {}
    for one in series:
        pod = one.labels.get("pod", "")
        source = next((target for target in of_pods.get(pod, ()) if target.exposes(one)), None)
        if source is None:
            raise Unreadable(f"{one.name} of pod {pod} has no series `up` with the same labels beside it")
        if not source.agrees_with(one):
            raise Unreadable(
                f"{one.name} of pod {pod} is not recorded at the times of its scrapes: two Prometheus replicas behind "
                "one address, or pods that expose timestamps (honor_timestamps)"
            )
        own = frozenset(item for item in one.labels.items() if item not in source.labels and item[0] != NAME)
        grouped.setdefault(source, {})[own] = one
    return grouped


def _of_target(
    target: Target, groups: Mapping[str, Mapping[Target, Mapping[LabelSet, Series]]]
) -> dict[str, Mapping[LabelSet, Series]]:
    return {name: group.get(target, {}) for name, group in groups.items()}


def _readings(
    counts: Mapping[str, Mapping[LabelSet, Series]], sums: Mapping[str, Mapping[LabelSet, Series]]
) -> dict[int, Counters | None]:
    """What was read at each time; None where it is not a count, or not a sum."""
    times = {
        time
        for groups in (counts, sums)
        for group in groups.values()
        for series in group.values()
        for time in series.samples
    }
    return {time: _reading(_values(counts, time), _values(sums, time)) for time in times}


def _values(groups: Mapping[str, Mapping[LabelSet, Series]], time: int) -> dict[str, dict[LabelSet, float]]:
    return {
        name: {labels: series.samples[time] for labels, series in group.items() if time in series.samples}
        for name, group in groups.items()
    }


def _reading(
    counts: Mapping[str, Mapping[LabelSet, float]], sums: Mapping[str, Mapping[LabelSet, float]]
) -> Counters | None:
    if not all(0 <= value <= LARGEST_COUNT for group in counts.values() for value in group.values()):
        return None
    if not all(abs(value) <= _LARGEST_SUM for group in sums.values() for value in group.values()):
        return None
    whole = {name: {labels: round(value) for labels, value in group.items()} for name, group in counts.items()}
    return Counters(whole, sums)


def _target_labels(series: Series) -> LabelSet:
    # A scraped label wins over a target's of the same name where the scrape is configured with honor_labels.
    return frozenset((label, value) for label, value in series.labels.items() if label != NAME and label not in LABELS)


def _milliseconds(seconds: float | None) -> int:
    return round(seconds * 1000) if seconds is not None and 0 <= seconds <= _LONGEST_SCRAPE_SECONDS else 0
