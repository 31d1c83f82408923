"""What each kind of gate makes of what was recorded: one file for each, and one line in the table here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from modelrollout.api.gates import Gate
from modelrollout.api.gates.drift import DriftGate
from modelrollout.api.gates.error_rate import ErrorRateGate
from modelrollout.api.gates.kind import Kind
from modelrollout.api.gates.latency import LatencyGate
from modelrollout.api.gates.mean import MeanGate
from modelrollout.api.gates.quality import QualityGate
from modelrollout.api.gates.query import QueryGate
from modelrollout.api.gates.share import ShareGate
from modelrollout.metrics.counting.series import Unreadable
from modelrollout.metrics.gates import drift, error_rate, latency, mean, quality, query, share
from modelrollout.metrics.prometheus.client import QueryRefused
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.source import Arm
from modelrollout.rollout.measurements import BadQuery, Measurement, NoData

# Each function takes the kind that it stands by, which the type of a table cannot say.
MEASURES: Mapping[type[Kind], Callable[[Reader, Any, Sequence[Arm]], Measurement]] = MappingProxyType(
    {
        ErrorRateGate: error_rate.measure,
        LatencyGate: latency.measure,
        ShareGate: share.measure,
        MeanGate: mean.measure,
        DriftGate: drift.measure,
        QualityGate: quality.measure,
        QueryGate: query.measure,
    }
)
"""What measures a gate, by its kind; the last argument are the arms that must have data."""


def measure(reader: Reader, gate: Gate) -> Measurement:
    """What one gate can count. Raises SourceFailure."""
    needed = [Arm.CHALLENGER] if gate.name in reader.arms.alone else reader.arms.present
    try:
        return MEASURES[type(gate.kind)](reader, gate.kind, needed)
    except QueryRefused as refusal:
        return BadQuery(str(refusal))
    except Unreadable as reason:
        return NoData(str(reason), reader.span.through)


def longest_warm_up(gates: Iterable[Gate]) -> int:
    """How long before a pod is counted its requests must be known, in ms."""
    return max((round(gate.kind.warm_up_seconds * 1000) for gate in gates), default=0)
