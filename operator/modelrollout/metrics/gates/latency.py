"""What a gate on latency counts."""

from collections.abc import Sequence
from math import isinf

from modelrollout.api.gates.latency import LatencyGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.counting.absence import explain_unmatched, explain_warm_up
from modelrollout.metrics.counting.histograms import choose_boundary, split_at_boundary, totals
from modelrollout.metrics.counting.increases import changes, recent
from modelrollout.metrics.counting.series import Unreadable
from modelrollout.metrics.counting.warm_up import warm_changes, with_age
from modelrollout.metrics.kinds import by_pod, proportions
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import duration_buckets, native_durations
from modelrollout.metrics.request_metrics import request_metrics
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import Counted


def measure(reader: Reader, gate: LatencyGate, needed: Sequence[Arm]) -> Counted:
    """Answers of pods that are warm, and those that took longer than the threshold."""
    arms, span, threshold = reader.arms, reader.span, gate.threshold.seconds
    metrics = request_metrics(gate.source)
    warm_up = round(gate.warm_up.seconds * 1000)
    classic, native = (selectors(arms, gate.endpoints, metrics) for selectors in (duration_buckets, native_durations))
    series, read = reader.histograms(classic, native)
    scrapes = with_age(read, span.interval, totals)
    changed = tuple(changes(scrapes, arms, span))
    warm, all_ = (split_at_boundary(warm_changes(changed, age, needed), threshold) for age in (warm_up, 0))
    windows = reader.trusted(warm, all_)
    latest = recent(scrapes, span)
    boundary = choose_boundary(threshold, [scrape.reading.reading for scrape in latest])
    if isinf(boundary.seconds) and not windows:
        raise Unreadable(boundary.note)
    reader.require_data(metrics.durations, needed, series, scrapes, windows)
    warm_arms = {arms.arm_of(scrape.pod) for scrape in latest if scrape.reading.is_warm(warm_up)}
    cold = [explain_warm_up(arm, arms, gate.warm_up.seconds) for arm in needed if arm not in warm_arms]
    elsewhere = explain_unmatched("an endpoint", gate.endpoints) if gate.endpoints and not series else ""
    return Counted(
        proportions(windows, ArmCounts),
        span.through,
        reader.with_notes(elsewhere, boundary.note, *cold),
        by_pod=by_pod(windows, ArmCounts),
    )
