"""One test per gate of the manifest, and how the tests share the declared error rates."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from modelrollout.api.drift import DriftGate
from modelrollout.api.gates import ErrorRateGate, Gate, ProportionGate, QueryGate
from modelrollout.api.mean import Better, MeanGate
from modelrollout.api.spec import Risk
from modelrollout.api.status import ChampionHistory
from modelrollout.evidence.combine import error_of_attempt, shares
from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.drift import DriftTest
from modelrollout.evidence.mean import MeanTest
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION, ProportionTest
from modelrollout.rollout.drift_gate import DriftGateTest
from modelrollout.rollout.gate_tests import THE_CHAMPION, GateTest, Reference
from modelrollout.rollout.mean_gate import MeanGateTest
from modelrollout.rollout.proportion_gate import ProportionGateTest
from modelrollout.rollout.query_gate import QueryGateTest

NO_FIGURES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class GateSet:
    """The tests of all gates, and the false-rollback rate (a fraction) that they share."""

    tests: tuple[GateTest, ...]
    alpha: float


def gate_set(
    gates: tuple[Gate, ...],
    risk: Risk,
    attempt: int,
    horizon: int,
    history: tuple[ChampionHistory, ...] = (),
    *,
    figures: Mapping[str, float] = NO_FIGURES,
    reference: Reference = THE_CHAMPION,
) -> GateSet:
    """The tests of the manifest's gates, with the declared error rates spread over them.

    attempt: how often this version has been rolled out, from 1. All attempts together keep the declared error rates,
        however many there are, since each has less of them than the one before (`error_of_attempt`).
    horizon: scrape windows over which a regression may begin.
    history: what the champion did before the rollout, as far as it is known.
    figures: fixed shares of bad requests (fractions), by gate, that stand in for the reference.
    reference: the version that the challenger is compared with.
    """
    alpha = error_of_attempt(risk.false_rollback.fraction, attempt)
    beta = error_of_attempt(risk.false_promotion.fraction, attempt)
    counted = {gate.name: 1.0 for gate in gates if gate.query is None}
    alphas = shares(counted, alpha) if counted else {}
    known = {entry.gate: entry for entry in history}

    def test_of(gate: Gate) -> GateTest:
        errors = _Errors(alphas.get(gate.name, 0.0), beta, horizon)
        match gate:
            case Gate(proportion=ProportionGate() as kind):
                test = _proportion_test(kind, errors, known.get(gate.name), figures.get(gate.name))
                return ProportionGateTest(gate.name, gate.digest, test, _counts(known.get(gate.name)), reference)
            case Gate(mean=MeanGate() as kind):
                return MeanGateTest(gate.name, gate.digest, _mean_test(kind, errors), reference)
            case Gate(drift=DriftGate() as kind):
                return DriftGateTest(gate.name, gate.digest, _drift_test(kind, errors), kind.buckets, reference)
            case Gate(query=QueryGate() as kind):
                return QueryGateTest(gate.name, gate.digest, kind, reference)
            case _:
                raise AssertionError(f"gate {gate.name} has no kind")

    return GateSet(tuple(test_of(gate) for gate in gates), alpha)


@dataclass(frozen=True, slots=True)
class _Errors:
    """The error rates (fractions) of one gate, and the scrape windows over which a regression may begin."""

    alpha: float
    beta: float
    horizon: int


def _proportion_test(
    kind: ProportionGate, errors: _Errors, history: ChampionHistory | None, figure: float | None
) -> ProportionTest:
    return ProportionTest(
        margin=kind.margin,
        tolerated=kind.tolerated.fraction,
        ratio=kind.max_ratio if isinstance(kind, ErrorRateGate) else 1.0,
        alpha=errors.alpha,
        beta=errors.beta,
        horizon=errors.horizon,
        dispersion=history.dispersion if history else UNMEASURED_DISPERSION,
        figure=figure,
    )


def _counts(history: ChampionHistory | None) -> ArmCounts | None:
    return ArmCounts(history.requests, history.bad) if history else None


def _mean_test(kind: MeanGate, errors: _Errors) -> MeanTest:
    return MeanTest(
        margin=kind.margin,
        tolerated=kind.tolerated,
        ratio=kind.max_ratio or 1.0,
        alpha=errors.alpha,
        beta=errors.beta,
        horizon=errors.horizon,
        higher_is_better=kind.better is Better.HIGHER,
    )


def _drift_test(kind: DriftGate, errors: _Errors) -> DriftTest:
    return DriftTest(
        buckets=len(kind.buckets),
        margin=kind.max_distance.fraction,
        tolerated=kind.tolerated.fraction,
        alpha=errors.alpha,
        beta=errors.beta,
        horizon=errors.horizon,
        dispersion=UNMEASURED_DISPERSION,
    )
