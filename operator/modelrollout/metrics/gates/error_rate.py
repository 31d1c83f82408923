"""What a gate on errors counts."""

from collections.abc import Sequence
from dataclasses import replace

from modelrollout.api.gates.error_rate import ErrorRateGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.counting.absence import explain_unmatched, explain_warm_up
from modelrollout.metrics.counting.cohorts import by_version, split_by_backend
from modelrollout.metrics.counting.groups import with_status
from modelrollout.metrics.counting.increases import Increases
from modelrollout.metrics.counting.scrapes import Groups
from modelrollout.metrics.counting.series import Series
from modelrollout.metrics.kinds import PART, REFUSED, TOTAL, by_pod, proportions
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import requests, requests_at_gateway
from modelrollout.metrics.request_metrics import Gateway, RequestMetrics, request_metrics
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import Counted, Window


def measure(reader: Reader, gate: ErrorRateGate, needed: Sequence[Arm]) -> Counted:
    """Answers, those with a status code that is an error, and those with another 4xx code."""
    metrics = request_metrics(gate.source)
    if metrics.gateway:
        return _at_gateway(reader, gate, metrics, metrics.gateway)
    warm_up = round(gate.warm_up.seconds * 1000)
    total = reader.read(requests(reader.arms, gate.endpoints, metrics), as_pods_warm_up=bool(warm_up))
    groups = _groups(gate, total, metrics)
    windows, cold_arms = reader.warm_increases(metrics.requests, needed, total, groups, warm_up)
    cold = [explain_warm_up(arm, reader.arms, gate.warm_up.seconds) for arm in cold_arms]
    elsewhere = explain_unmatched("an endpoint", gate.endpoints) if gate.endpoints and not total else ""
    notes = reader.with_notes(elsewhere or _unmatched(gate, groups), *cold)
    return Counted(_counted(windows), reader.span.through, notes, by_pod=by_pod(windows, ArmCounts))


def _at_gateway(reader: Reader, gate: ErrorRateGate, metrics: RequestMetrics, gateway: Gateway) -> Counted:
    """What the gateway's pods counted for the Services of both arms: what it answered in their place too."""
    backends = gateway.backends(reader.arms)
    pods = reader.of(gateway.arms(reader.arms))
    total = pods.read(requests_at_gateway(gateway, reader.arms, metrics))
    groups = _groups(gate, total, metrics)
    grown = pods.increases(metrics.requests, (), total, split_by_backend(groups, gateway.label, backends))
    # How many pods a version has the gateway does not know.
    counted = tuple(replace(window, pods=(0, 0)) for window in _counted(tuple(by_version(grown))))
    return Counted(counted, reader.span.through, reader.with_notes(_unmatched(gate, groups)))


def _groups(gate: ErrorRateGate, total: Sequence[Series], metrics: RequestMetrics) -> Groups:
    failed = with_status(total, gate.codes, metrics.status_label)
    refused = [series for series in with_status(total, "4..", metrics.status_label) if series not in failed]
    return {TOTAL: total, PART: failed, REFUSED: refused}


def _counted(windows: Sequence[Increases]) -> tuple[Window, ...]:
    both = zip(proportions(windows, ArmCounts), proportions(windows, ArmCounts, REFUSED), strict=True)
    return tuple(replace(errors, refusals=refusals.block) for errors, refusals in both)


def _unmatched(gate: ErrorRateGate, groups: Groups) -> str:
    return "" if groups[PART] else explain_unmatched("a status code", gate.codes)
