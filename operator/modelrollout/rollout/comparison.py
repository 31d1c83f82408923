"""Which versions are compared."""

from dataclasses import dataclass

from modelrollout.api.gates import Gate
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status, Version
from modelrollout.rollout.capacity import FULL_WEIGHT
from modelrollout.rollout.gates.gate_test import BASELINE, CHAMPION


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two versions that are compared: the one that is the measure and the one that has to prove itself.

    champion: the measure: the champion, or the baseline in its place; `role` says which.
    bystander: the version that has the rest of the traffic beside a baseline.
    """

    champion: Version
    challenger: Version
    role: str = CHAMPION
    bystander: Version | None = None


def needs_reference(spec: ModelRolloutSpec) -> bool:
    """Whether any gate compares with another version, and not with limits or fixed figures alone."""
    return any(gate.decides and gate.name not in spec.baseline.figures and _compares(gate) for gate in spec.gates)


def largest_comparable_weight(spec: ModelRolloutSpec) -> int:
    """The largest weight in percent of a challenger beside which there is traffic left to compare with."""
    if not needs_reference(spec):
        return FULL_WEIGHT
    return FULL_WEIGHT - (spec.baseline.service.weight if spec.baseline.service else 1)


def _compares(gate: Gate) -> bool:
    return gate.query is None or gate.query.max_increase is not None or gate.query.max_ratio is not None


def arms_to_judge(status: Status) -> Comparison | None:
    """The versions whose metrics the next decision needs, or None while nothing is judged."""
    if status.champion is None or status.evidence is None:
        return None
    trusted, judged = (status.champion, status.challenger) if status.challenger else (status.previous, status.champion)
    if trusted is None:
        return None
    if status.baseline:
        return Comparison(status.baseline, judged, BASELINE, bystander=trusted)
    return Comparison(trusted, judged)
