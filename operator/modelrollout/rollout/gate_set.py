"""One test per gate of the manifest, and how the tests share the declared error rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modelrollout.api.evidence import ChampionHistory
from modelrollout.api.gates import Gate
from modelrollout.api.spec import Risk
from modelrollout.evidence.combine import error_of_attempt, shares
from modelrollout.rollout.gates import test_of
from modelrollout.rollout.gates.gate_test import THE_CHAMPION, GateTest, Reference, Setup

_WEIGHT_OF_RESTARTS = 0.1
NO_FIGURES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class GateSet:
    """The tests of all gates, and the false-rollback rate (a fraction) that those share that decide.

    weights: what part of it each of them has, as multiples of one another.
    observed: gates, by name, that decide nothing.
    at_pods: gates that judge what pods went through, short of a rollback a matter of the hold `Unstable`.
    """

    tests: tuple[GateTest, ...]
    alpha: float
    weights: Mapping[str, float] = field(default_factory=dict)
    observed: frozenset[str] = frozenset()
    at_pods: frozenset[str] = frozenset()


def gate_set(
    gates: tuple[Gate, ...],
    risk: Risk,
    attempt: int,
    horizon: int,
    history: tuple[ChampionHistory, ...] = (),
    *,
    figures: Mapping[str, float] = NO_FIGURES,
    reference: Reference = THE_CHAMPION,
    windows_per_minute: int = 4,
) -> GateSet:
    """The tests of the manifest's gates, with the declared error rates spread over them.

    attempt: how often this version has been rolled out, from 1. All attempts together keep the declared error rates,
        however many there are, since each has less of them than the one before (`error_of_attempt`).
    horizon: scrape windows over which a regression may begin.
    history: what the champion did before the rollout, as far as it is known.
    figures: fixed shares of bad requests (fractions), by gate, that stand in for the reference.
    reference: the version that the challenger is compared with.
    windows_per_minute: scrape windows that make a minute.

    A gate that is only observed takes no part of the error rates from the others, and is judged by the part that it
    would have as one more of them.
    """
    alpha = error_of_attempt(risk.false_rollback.fraction, attempt)
    beta = error_of_attempt(risk.false_promotion.fraction, attempt)
    counted = {gate.name: _weight(gate) for gate in gates if gate.kind.has_error_rates and gate.decides}
    alphas = shares(counted, alpha) if counted else {}
    observed = frozenset(gate.name for gate in gates if not gate.decides)
    at_pods = frozenset(gate.name for gate in gates if gate.kind.seen_at_pods)
    alphas |= dict.fromkeys(observed, alpha / (len(counted) + 1))
    known = {entry.gate: entry for entry in history}
    tests = [
        test_of(
            gate,
            Setup(
                name=gate.name,
                digest=gate.digest,
                reference=reference,
                alpha=alphas.get(gate.name, 0.0),
                beta=beta,
                horizon=horizon,
                windows_per_minute=windows_per_minute,
                history=known.get(gate.name),
                figure=figures.get(gate.name),
            ),
        )
        for gate in gates
    ]
    return GateSet(tuple(tests), alpha, counted, observed, at_pods)


def _weight(gate: Gate) -> float:
    # What is rare enough to need a test of its own is rarely what is wrong.
    return _WEIGHT_OF_RESTARTS if gate.restarts else 1.0
