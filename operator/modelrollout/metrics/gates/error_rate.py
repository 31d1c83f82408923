"""What a gate on errors counts."""

from collections.abc import Sequence
from dataclasses import replace

from modelrollout.api.gates.error_rate import ErrorRateGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.metrics.bentoml import REQUESTS
from modelrollout.metrics.counting.absence import explain_unmatched, explain_warm_up
from modelrollout.metrics.counting.groups import with_status
from modelrollout.metrics.kinds import PART, REFUSED, TOTAL, by_pod, proportions
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import requests
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import Counted


def measure(reader: Reader, gate: ErrorRateGate, needed: Sequence[Arm]) -> Counted:
    """Answers, those with a status code that is an error, and those with another 4xx code."""
    warm_up = round(gate.warm_up.seconds * 1000)
    total = reader.read(requests(reader.arms, gate.endpoints), as_pods_warm_up=bool(warm_up))
    failed = with_status(total, gate.codes)
    refused = [series for series in with_status(total, "4..") if series not in failed]
    groups = {TOTAL: total, PART: failed, REFUSED: refused}
    windows, cold_arms = reader.warm_increases(REQUESTS, needed, total, groups, warm_up)
    cold = [explain_warm_up(arm, reader.arms, gate.warm_up.seconds) for arm in cold_arms]
    unmatched = explain_unmatched("a status code", gate.codes) if not failed else ""
    elsewhere = explain_unmatched("an endpoint", gate.endpoints) if gate.endpoints and not total else ""
    both = zip(proportions(windows, ArmCounts), proportions(windows, ArmCounts, REFUSED), strict=True)
    counted = tuple(replace(errors, refusals=refusals.block) for errors, refusals in both)
    notes = reader.with_notes(elsewhere or unmatched, *cold)
    return Counted(counted, reader.span.through, notes, by_pod=by_pod(windows, ArmCounts))
