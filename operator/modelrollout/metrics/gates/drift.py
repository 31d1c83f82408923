"""What a gate on drift counts."""

from collections.abc import Sequence

from modelrollout.api.gates.drift import DriftGate
from modelrollout.metrics.counting.groups import by_value
from modelrollout.metrics.counting.histograms import bucket_names, find_cut, sort_at_boundaries
from modelrollout.metrics.counting.increases import changes, recent
from modelrollout.metrics.counting.series import Unreadable
from modelrollout.metrics.kinds import distributions
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import counter, family_of
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import Bucketed, BucketWindow


def measure(reader: Reader, gate: DriftGate, needed: Sequence[Arm]) -> Bucketed:
    """The increases of every bucket. Both arms must have them, whatever is `needed`."""
    windows = _by_boundary(reader, gate.histogram, gate.boundaries or ()) if gate.histogram else _by_value(reader, gate)
    return Bucketed(windows, reader.span.through, reader.with_notes())


def _by_value(reader: Reader, gate: DriftGate) -> tuple[BucketWindow, ...]:
    assert gate.counter is not None
    series = reader.read(counter(reader.arms, gate.counter))
    groups = by_value(series, gate.label or "", gate.values or ())
    return distributions(reader.increases(family_of(gate.counter), list(Arm), series, groups), list(groups))


def _by_boundary(reader: Reader, family: str, boundaries: Sequence[float]) -> tuple[BucketWindow, ...]:
    series, scrapes = reader.histograms(counter(reader.arms, f"{family}_bucket"), counter(reader.arms, family))
    if cut := find_cut(boundaries, [scrape.reading for scrape in recent(scrapes, reader.span)]):
        raise Unreadable(cut)
    windows = reader.trusted(sort_at_boundaries(changes(scrapes, reader.arms, reader.span), boundaries))
    reader.require_data(family, list(Arm), series, scrapes, windows)
    return distributions(windows, bucket_names(boundaries))
