"""What a manifest's gates can decide at a given traffic, before anything is deployed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from modelrollout.api.gates.error_rate import ErrorRateGate
from modelrollout.api.gates.kind import Kind
from modelrollout.api.gates.latency import LatencyGate
from modelrollout.api.gates.quality import QualityGate
from modelrollout.api.gates.share import ShareGate
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.offline.errors import OfflineError
from modelrollout.offline.estimates import Estimate, Estimator, Regression, champion_rates, good_rates
from modelrollout.offline.expected import Course, Traffic, expected_course
from modelrollout.rollout.settings import Settings

# What the bad requests of a kind of gate are called.
BAD_REQUESTS: Mapping[type[Kind], str] = {
    ErrorRateGate: "error",
    LatencyGate: "slow",
    ShareGate: "bad",
    QualityGate: "wrong",
}
"""What the bad requests of a kind of gate are called."""


@dataclass(frozen=True, slots=True)
class Regressed:
    """What is to be expected of a challenger that is worse in what one gate counts; allowed: within its margin."""

    gate: str
    regression: str
    allowed: bool
    course: Course
    extra_bad: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """The answer to `plan`. chance: of the promotion of a good challenger before the deadline."""

    passes: tuple[Estimate, ...]
    rollbacks: tuple[tuple[str, Estimate], ...]
    good: Course
    chance: float
    regressed: tuple[Regressed, ...]


def expected_traffic(
    spec: ModelRolloutSpec,
    requests_per_second: float,
    *,
    by_kind: Mapping[type[Kind], float],
    champion: Mapping[str, float],
    baseline: Mapping[str, float],
    dispersion: float,
) -> Traffic:
    """What the versions answer if the challenger is a good one.

    by_kind, champion, baseline: shares of bad requests, 0..1: of the champion by the kind of a gate, and, in its place,
    by its name; of the baseline service by the gate's name. dispersion: of counts, as in Traffic; at least 1.
    Raises OfflineError where gates or rates do not fit each other.
    """
    spec = _deciding(spec)
    known = champion_rates(spec.gates, by_kind, champion)
    if unknown := (champion.keys() | baseline.keys()) - known.keys():
        raise OfflineError(f"no gate that counts bad requests is named {', '.join(sorted(unknown))}")
    if not known:
        reasons = "; ".join(f"{gate.name}: {gate.kind.why_not_planned}" for gate in spec.gates)
        raise OfflineError(f"no gate counts bad requests ({reasons})")
    if baseline and not spec.baseline.service:
        raise OfflineError("--baseline-rate is about baseline.service, which the manifest has not")
    figures = {gate: figure for gate, figure in spec.baseline.figures.items() if gate in known}
    reference = {**known, **baseline, **figures}
    return Traffic(
        requests_per_second=requests_per_second,
        champion=known,
        reference=reference,
        challenger=good_rates(spec.gates, known, reference),
        dispersion=max(1.0, dispersion),
    )


def look_ahead(
    rollout: ModelRollout, traffic: Traffic, settings: Settings, regressions: Sequence[Regression]
) -> Outlook:
    """Everything that `plan` tells about a manifest. traffic: with a good challenger."""
    spec = _deciding(rollout.spec)
    estimator = Estimator(spec, traffic, settings)
    good = expected_course(spec, traffic, settings)
    regressed = []
    for gate, rate in traffic.reference.items():
        for regression in regressions:
            worse = regression.applied_to(rate)
            course = expected_course(spec, replace(traffic, challenger={**traffic.challenger, gate: worse}), settings)
            allowed = estimator.allows(gate, worse)
            extra_bad = course.requests * (worse - traffic.champion[gate])
            regressed.append(Regressed(gate, regression.text, allowed, course, extra_bad))
    return Outlook(
        passes=tuple(estimator.passes()),
        rollbacks=tuple((r.text, estimate) for r in regressions for estimate in estimator.rollbacks(r)),
        good=good,
        chance=estimator.chance_of_promotion(good),
        regressed=tuple(regressed),
    )


def _deciding(spec: ModelRolloutSpec) -> ModelRolloutSpec:
    """The spec with those gates only that decide."""
    return spec.model_copy(update={"gates": tuple(gate for gate in spec.gates if gate.decides)})
