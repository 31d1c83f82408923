"""How the data of each kind of gate become evidence: one file for each, and one line in the table here."""

from collections.abc import Callable, Mapping
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
from modelrollout.api.gates.restarts import RestartsGate
from modelrollout.api.gates.share import ShareGate
from modelrollout.rollout.gates import drift, error_rate, mean, proportion, query, restarts
from modelrollout.rollout.gates.gate_test import GateTest, Setup

# Each function takes the kind that it stands by, which the type of a table cannot say.
GATE_TESTS: Mapping[type[Kind], Callable[[Any, Setup], GateTest]] = MappingProxyType(
    {
        ErrorRateGate: error_rate.gate_test,
        LatencyGate: proportion.gate_test,
        ShareGate: proportion.gate_test,
        MeanGate: mean.gate_test,
        DriftGate: drift.gate_test,
        QueryGate: query.gate_test,
        QualityGate: proportion.gate_test,
        RestartsGate: restarts.gate_test,
    }
)
"""What makes the test of a gate, by its kind."""


def test_of(gate: Gate, setup: Setup) -> GateTest:
    """The test of a gate of the manifest."""
    return GATE_TESTS[type(gate.kind)](gate.kind, setup)
