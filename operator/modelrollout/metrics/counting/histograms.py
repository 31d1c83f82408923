"""Counts from histograms. They are known only where no bucket is cut in two, so they are read there."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import inf, isclose, isinf

from modelrollout.metrics.counting.buckets import Histogram, boundary_before, boundary_from
from modelrollout.metrics.counting.increases import Changes, Increases, Levels
from modelrollout.metrics.counting.scrapes import Counters, LabelSet, Scrape, Target, assemble, by_target
from modelrollout.metrics.counting.series import HistogramSeries, Series, Unreadable
from modelrollout.metrics.kinds import PART, TOTAL

Histograms = Mapping[LabelSet, Histogram]
"""The histograms of one pod at one moment."""

_LE = "le"


def read_histograms(
    targets: Sequence[Target], classic: Iterable[Series], native: Iterable[HistogramSeries], since: int
) -> list[Scrape[Histograms]]:
    """The successful scrapes after `since` (ms) with the histograms as they were read then.

    classic: cumulative buckets with their ends in the label `le`. A native histogram of the same labels counts only
        where there is no classic one. For the rest see `read_scrapes`.
    """
    by_labels = _group_by_labels(targets, classic)
    natives = by_target(targets, native)
    return assemble(
        targets,
        by_labels.keys() | natives.keys(),
        lambda target: _readings(by_labels.get(target, {}), natives.get(target, {})),
        nothing={},
        since=since,
    )


def totals(reading: Histograms) -> Levels:
    """How many requests each of a pod's histograms holds."""
    return {labels: histogram.total for labels, histogram in reading.items()}


def split_at_boundary(windows: Iterable[Changes[Histograms]], threshold: float) -> Iterator[Increases]:
    """All answers (TOTAL) and the slow ones (PART) of each window: those slower than the boundary for a threshold (s).

    The boundary is the smallest value from the threshold on that lies inside no bucket of any histogram, of both arms,
    that the window begins or ends with: there, and nowhere below, slow answers can be told from the others. It follows
    from the recorded samples alone. Native histograms leave empty buckets out, which changes no count, and where one
    becomes coarser that window is the first with the coarser boundary. Windows without a finite one are left out.
    """
    for window in windows:
        boundary = boundary_from(threshold, _all(window.readings))
        if not isinf(boundary):
            yield window.increases(partial(_split, boundary))


def sort_at_boundaries(windows: Iterable[Changes[Histograms]], boundaries: Sequence[float]) -> Iterator[Increases]:
    """The observations of each window between the boundaries, in groups by the names of `bucket_names`.

    Windows that begin or end with a histogram of which a boundary cuts a bucket are left out.
    """
    for window in windows:
        if not find_cut(boundaries, window.readings):
            yield window.increases(partial(_sort, sorted(boundaries)))


def find_cut(boundaries: Iterable[float], readings: Iterable[Histograms]) -> str:
    """Which boundary lies inside a bucket of some histogram, for a person; empty if none does."""
    for histogram in _all(readings):
        for boundary in boundaries:
            lower, upper = histogram.around(boundary)
            if lower < upper:
                return (
                    f"the boundary {boundary:g} lies within a histogram bucket, which goes from {lower:g} to {upper:g}"
                )
    return ""


def bucket_names(boundaries: Collection[float]) -> list[str]:
    """The buckets between boundaries by their upper ends, ascending."""
    return [str(end) for end in (*sorted(boundaries), inf)]


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where slow begins: above `seconds`, nowhere if that is infinite. The note says so if it is not the threshold."""

    seconds: float
    note: str = ""


def choose_boundary(threshold: float, readings: Iterable[Histograms]) -> Boundary:
    """The boundary of `split_at_boundary` for a threshold (seconds) and these histograms, with a note for a person."""
    histograms = _all(readings)
    above, below = boundary_from(threshold, histograms), boundary_before(threshold, histograms)
    if isclose(above, threshold):
        return Boundary(above)
    if isinf(above):
        last = f": the last boundary that they share is {below:g} s" if below else ""
        return Boundary(
            above, f"no histogram bucket ends at or above the threshold of {threshold:g} s in every pod{last}"
        )
    exact = f"{below:g} s and {above:g} s do not" if below else f"{above:g} s does not"
    return Boundary(
        above, f"answers slower than {above:g} s are counted: {threshold:g} s lies within a histogram bucket, {exact}"
    )


def _all(readings: Iterable[Histograms]) -> Collection[Histogram]:
    return [histogram for reading in readings for histogram in reading.values()]


def _split(boundary: float, reading: Histograms) -> Counters:
    total = {labels: histogram.total for labels, histogram in reading.items()}
    in_time = {labels: histogram.up_to(boundary) for labels, histogram in reading.items()}
    slow = {labels: total[labels] - in_time[labels] for labels in reading}
    # A pod that started anew may show in any of the three alone.
    return Counters({TOTAL: total, PART: slow, "in time": in_time})


def _sort(boundaries: Sequence[float], reading: Histograms) -> Counters:
    groups: dict[str, dict[LabelSet, int]] = {name: {} for name in bucket_names(boundaries)}
    for labels, histogram in reading.items():
        cumulative = [0, *map(histogram.up_to, boundaries), histogram.total]
        for group, (lower, upper) in zip(groups.values(), pairwise(cumulative), strict=True):
            group[labels] = upper - lower
    return Counters(groups)


def _group_by_labels(
    targets: Sequence[Target], buckets: Iterable[Series]
) -> dict[Target, dict[LabelSet, dict[float, Series]]]:
    """Buckets by what they come from, by the labels that they share, and by their ends."""
    grouped: dict[Target, dict[LabelSet, dict[float, Series]]] = {}
    for target, of_target in by_target(targets, buckets).items():
        for labels, series in of_target.items():
            shared = frozenset(item for item in labels if item[0] != _LE)
            by_end, end = grouped.setdefault(target, {}).setdefault(shared, {}), _end(series)
            by_end[end] = _merged(by_end[end], series) if end in by_end else series
    return grouped


def _merged(one: Series, other: Series) -> Series:
    """Two spellings of one boundary, le="1" and le="1.0": a library, or Prometheus 3, spells it anew while pods run."""
    samples = {time: max(s.samples.get(time, -inf) for s in (one, other)) for time in {*one.samples, *other.samples}}
    return Series(one.labels, samples)


def _readings(
    classic: Mapping[LabelSet, Mapping[float, Series]], native: Mapping[LabelSet, HistogramSeries]
) -> dict[int, Histograms | None]:
    """What was read at each time; None where it is not a count."""
    readings: dict[int, dict[LabelSet, Histogram | None]] = {}
    for labels, series in native.items():
        for time, histogram in series.samples.items():
            readings.setdefault(time, {})[labels] = histogram
    for labels, by_end in classic.items():
        for time, histogram in _histograms(by_end).items():
            readings.setdefault(time, {})[labels] = histogram
    return {
        time: None if None in by_labels.values() else {k: v for k, v in by_labels.items() if v is not None}
        for time, by_labels in readings.items()
    }


def _histograms(buckets: Mapping[float, Series]) -> dict[int, Histogram | None]:
    """A classic histogram at each time. Raises Unreadable if it does not hold all observations."""
    ends = sorted(buckets)
    if ends[-1] != inf:
        some = buckets[ends[-1]]
        raise Unreadable(f"{some.name} of pod {some.labels.get('pod', '')} has no bucket that ends at +Inf")
    histograms = {}
    for time in {time for series in buckets.values() for time in series.samples}:
        lower, before, read = -inf, 0.0, []
        for end in ends:
            if time in buckets[end].samples:
                cumulative = buckets[end].samples[time]
                read.append((lower, end, cumulative - before))
                lower, before = end, cumulative
        histograms[time] = Histogram.of(read)
    return histograms


def _end(bucket: Series) -> float:
    try:
        return float(bucket.labels[_LE])
    except (KeyError, ValueError):
        raise Unreadable(f"a bucket of {bucket.name} has no boundary in its label {_LE}") from None
