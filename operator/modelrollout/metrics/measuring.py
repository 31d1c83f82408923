"""What each kind of gate makes of what was recorded."""

from collections.abc import Iterable, Sequence
from math import isfinite, isinf

from modelrollout.api.drift import DriftGate
from modelrollout.api.gates import ErrorRateGate, Gate, LatencyGate, QueryGate, ShareGate
from modelrollout.api.mean import MeanGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.bentoml import DURATIONS, REQUESTS
from modelrollout.metrics.counting.absence import explain_warm_up
from modelrollout.metrics.counting.cohorts import of_versions
from modelrollout.metrics.counting.groups import by_value
from modelrollout.metrics.counting.histograms import (
    bucket_names,
    choose_boundary,
    find_cut,
    sort_at_boundaries,
    split_at_boundary,
)
from modelrollout.metrics.counting.increases import Increases, changes
from modelrollout.metrics.counting.scrapes import Reading, Scrape
from modelrollout.metrics.counting.series import Series, Unreadable
from modelrollout.metrics.counting.warm_up import warm_changes, with_age
from modelrollout.metrics.kinds import COUNT, PART, SUM, TOTAL, CountArm, distributions, means, proportions
from modelrollout.metrics.prometheus.client import QueryRefused
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import (
    counter,
    duration_buckets,
    failed_requests,
    family_of,
    fill_in,
    native_durations,
    requests,
)
from modelrollout.metrics.source import Arm
from modelrollout.metrics.windows import Span
from modelrollout.rollout.measurements import (
    BadQuery,
    Bucketed,
    BucketWindow,
    Counted,
    Evaluated,
    Measurement,
    NoData,
    Point,
    Summed,
)


def measure(reader: Reader, gate: Gate) -> Measurement:
    """What one gate can count. Raises SourceFailure."""
    try:
        match gate:
            case Gate(error_rate=ErrorRateGate() as kind):
                return _errors(reader, kind, _needed(reader, gate))
            case Gate(latency=LatencyGate() as kind):
                return _slow(reader, kind, _needed(reader, gate))
            case Gate(share=ShareGate() as kind):
                return _share(reader, kind, _needed(reader, gate))
            case Gate(mean=MeanGate() as kind):
                return _summed(reader, kind)
            case Gate(drift=DriftGate() as kind):
                return _bucketed(reader, kind)
            case Gate(query=QueryGate() as kind):
                return _evaluated(reader, kind)
            case _:
                raise AssertionError(f"gate {gate.name} has no kind")
    except QueryRefused as refusal:
        return BadQuery(str(refusal))
    except Unreadable as reason:
        return NoData(str(reason), reader.span.through)


def longest_warm_up(gates: Iterable[Gate]) -> int:
    """How long before a pod is counted its requests must be known, in ms."""
    return max((_warm_up(gate.latency) for gate in gates if gate.latency), default=0)


def _needed(reader: Reader, gate: Gate) -> Sequence[Arm]:
    return [Arm.CHALLENGER] if gate.name in reader.arms.alone else reader.arms.present


def _errors(reader: Reader, gate: ErrorRateGate, needed: Sequence[Arm]) -> Measurement:
    total = reader.read(requests(reader.arms, gate.endpoints))
    failed = reader.read(failed_requests(reader.arms, gate.codes, gate.endpoints))
    return _counted(reader, reader.increases(REQUESTS, needed, total, {TOTAL: total, PART: failed}), ArmCounts)


def _slow(reader: Reader, gate: LatencyGate, needed: Sequence[Arm]) -> Measurement:
    arms, span, threshold, warm_up = reader.arms, reader.span, gate.threshold.seconds, _warm_up(gate)
    series, read = reader.histograms(duration_buckets(arms, gate.endpoints), native_durations(arms, gate.endpoints))
    scrapes = with_age(read, span.interval)
    warm = warm_changes(changes(scrapes, arms, span), warm_up, needed)
    windows = tuple(split_at_boundary(warm, threshold))
    recent = _recent(scrapes, span)
    boundary = choose_boundary(threshold, [scrape.reading.histograms for scrape in recent])
    if isinf(boundary.seconds) and not windows:
        raise Unreadable(boundary.note)
    reader.require_data(DURATIONS, needed, series, scrapes, windows)
    warm_arms = {arms.arm_of(scrape.pod) for scrape in recent if scrape.reading.is_warm(warm_up)}
    cold = [explain_warm_up(arm, arms, gate.warm_up.seconds) for arm in needed if arm not in warm_arms]
    return _counted(reader, windows, ArmCounts, boundary.note, *cold)


def _share(reader: Reader, gate: ShareGate, needed: Sequence[Arm]) -> Measurement:
    total, part = _total_and_part(reader, gate)
    groups = {TOTAL: total, PART: part}
    if gate.cohort_label is not None:
        required = {TOTAL: gate.total} | ({PART: gate.good} if gate.good else {})
        windows, note = reader.increases_of_cohorts(gate.cohort_label, needed, required, groups)
        return _counted(
            reader,
            windows,
            _count_of(gate),
            note or _uncounted(gate, of_versions(part, gate.cohort_label, reader.arms)),
        )
    if gate.good is not None:
        # Where it is missing everything would be bad.
        reader.require_family(family_of(gate.good), needed, part)
    windows = reader.increases(family_of(gate.total), needed, total, groups)
    return _counted(reader, windows, _count_of(gate), _uncounted(gate, part))


def _total_and_part(reader: Reader, gate: ShareGate) -> tuple[list[Series], list[Series]]:
    part = gate.bad or gate.good
    assert part is not None
    return reader.read(counter(reader.arms, gate.total)), reader.read(counter(reader.arms, part))


def _summed(reader: Reader, gate: MeanGate) -> Measurement:
    total, number = reader.read(counter(reader.arms, gate.sum)), reader.read(counter(reader.arms, gate.count))
    counts, sums, note = {COUNT: number}, {SUM: total}, ""
    if gate.cohort_label is not None:
        required = {COUNT: gate.count, SUM: gate.sum}
        windows, note = reader.increases_of_cohorts(gate.cohort_label, list(Arm), required, counts, sums)
    else:
        windows = reader.increases(family_of(gate.count), list(Arm), number, counts, sums)
        # Where it is missing every value would be 0.
        reader.require_family(family_of(gate.sum), list(Arm), total)
    return Summed(means(windows), reader.span.through, reader.with_notes(note))


def _bucketed(reader: Reader, gate: DriftGate) -> Measurement:
    windows = _by_boundary(reader, gate.histogram, gate.boundaries or ()) if gate.histogram else _by_value(reader, gate)
    return Bucketed(windows, reader.span.through, reader.with_notes())


def _by_value(reader: Reader, gate: DriftGate) -> tuple[BucketWindow, ...]:
    assert gate.counter is not None
    series = reader.read(counter(reader.arms, gate.counter))
    groups = by_value(series, gate.label or "", gate.values or ())
    return distributions(reader.increases(family_of(gate.counter), list(Arm), series, groups), list(groups))


def _by_boundary(reader: Reader, family: str, boundaries: Sequence[float]) -> tuple[BucketWindow, ...]:
    series, scrapes = reader.histograms(counter(reader.arms, f"{family}_bucket"), counter(reader.arms, family))
    if cut := find_cut(boundaries, [scrape.reading for scrape in _recent(scrapes, reader.span)]):
        raise Unreadable(cut)
    windows = tuple(sort_at_boundaries(changes(scrapes, reader.arms, reader.span), boundaries))
    reader.require_data(family, list(Arm), series, scrapes, windows)
    return distributions(windows, bucket_names(boundaries))


def _counted(reader: Reader, windows: Iterable[Increases], count_arm: CountArm, *notes: str) -> Measurement:
    return Counted(proportions(windows, count_arm), reader.span.through, reader.with_notes(*notes))


def _evaluated(reader: Reader, gate: QueryGate) -> Measurement:
    span, arms = reader.span, reader.arms
    # At least the last window is evaluated, so that a query that is refused is refused at every look.
    first = min(span.after + 1, span.through)
    values = {}
    for arm in Arm:
        expression = fill_in(gate.expression, arms.namespace, arms.pods(arm))
        series = reader.evaluate(expression, first)
        values[arm] = _single_values(series)
    points = [
        Point(index, *(values[arm].get(span.start_of(index + 1)) for arm in Arm))
        for index in range(span.after + 1, span.through + 1)
    ]
    return Evaluated(tuple(points), span.through)


def _count_of(gate: ShareGate) -> CountArm:
    return ArmCounts if gate.good is None else lambda all_, good: ArmCounts(all_, all_ - good)


def _uncounted(gate: ShareGate, part: Sequence[Series]) -> str:
    return "" if part or gate.bad is None else f"no pod has counted any {gate.bad}"


def _recent(scrapes: Iterable[Scrape[Reading]], span: Span) -> list[Scrape[Reading]]:
    return [scrape for scrape in scrapes if scrape.finished >= span.start_of(span.recent)]


def _warm_up(gate: LatencyGate) -> int:
    return round(gate.warm_up.seconds * 1000)


def _single_values(series: Sequence[Series]) -> dict[int, float]:
    """The finite values by time. Raises QueryRefused where there are several at once."""
    values: dict[int, float] = {}
    for one in series:
        for moment, value in one.samples.items():
            if moment in values:
                raise QueryRefused(
                    f"the expression gives {len(series)} series where one value is needed: aggregate them, for example "
                    "with sum()"
                )
            values[moment] = value
    return {moment: value for moment, value in values.items() if isfinite(value)}
