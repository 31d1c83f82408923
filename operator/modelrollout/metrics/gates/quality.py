"""What a gate on truths counts: predictions whose maturity is over, as each pod of the outcomes service has them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from modelrollout.api.gates.quality import QualityGate
from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.verdict import percent_text
from modelrollout.metrics.counting.cohorts import by_version, of_version, of_versions, split_by_version
from modelrollout.metrics.counting.increases import Increase, Increases
from modelrollout.metrics.counting.series import Series, Unreadable
from modelrollout.metrics.kinds import PART, TOTAL, proportions
from modelrollout.metrics.prometheus.reader import Reader
from modelrollout.metrics.prometheus.selectors import outcomes
from modelrollout.metrics.source import Arm, Arms
from modelrollout.rollout.measurements import Counted

MATURED = "modelrollout_outcomes_matured_total"
_VERSION, _OUTCOME = "version", "outcome"
_WRONG, _UNLABELLED = "wrong", "unlabelled"


def measure(reader: Reader, gate: QualityGate, needed: Sequence[Arm]) -> Counted:
    """The increases of predictions with a truth, and of those that were wrong, by the version that made them."""
    arms = reader.arms
    if not arms.rollout:
        raise Unreadable("truths are counted by version, and do not tell the pods of one apart")
    service = reader.of(Arms(gate.namespace or arms.namespace, gate.pods, "", reference="outcomes service"))
    labels = {
        "exported_namespace": arms.namespace,
        "rollout": arms.rollout,
        "maturity": f"{gate.maturity.seconds:.0f}",
        "segment": gate.segment or "",
    }
    matured = of_versions(service.read(outcomes(service.arms, MATURED, labels)), _VERSION, arms)
    labelled = [one for one in matured if one.label(_OUTCOME) != _UNLABELLED]
    groups = {TOTAL: labelled, PART: [one for one in labelled if one.label(_OUTCOME) == _WRONG]}
    windows = service.increases(MATURED, (), matured, split_by_version(groups, _VERSION, arms))
    for arm in needed:
        _require_coverage(arm, arms, matured, gate)
    # How many pods a version has nobody is told here.
    counted = tuple(replace(window, pods=(0, 0)) for window in proportions(by_version(once(windows)), ArmCounts))
    return Counted(counted, reader.span.through, reader.with_notes("" if matured else _nothing(labels)))


def once(windows: Iterable[Increases]) -> tuple[Increases, ...]:
    """The windows with one pod each: all count the same, and the one that saw the least has counted nothing twice."""
    return tuple(Increases(window.index, {Arm.CHAMPION: _least(window.pods[Arm.CHAMPION])}) for window in windows)


def _least(pods: Mapping[str, Increase]) -> dict[str, Increase]:
    if not pods:
        return {}
    pod = min(sorted(pods), key=lambda name: sum(pods[name].counts.values()))
    return {pod: pods[pod]}


def _require_coverage(arm: Arm, arms: Arms, matured: Sequence[Series], gate: QualityGate) -> None:
    """Raises Unreadable if too few of a version's predictions had a truth at their maturity."""
    latest: dict[str, float] = {}
    for series in of_version(matured, _VERSION, arms.version(arm)):
        if series.samples:
            value = series.samples[max(series.samples)]
            latest[series.label(_OUTCOME)] = max(value, latest.get(series.label(_OUTCOME), 0.0))
    total = sum(latest.values())
    if total and (coverage := (total - latest.get(_UNLABELLED, 0.0)) / total) < gate.min_coverage.fraction:
        raise Unreadable(
            f"{percent_text(coverage)} of the {arms.name(arm)}'s predictions had a truth when they were "
            f"{gate.maturity} old, at least {gate.min_coverage} are needed"
        )


def _nothing(labels: Mapping[str, str]) -> str:
    return f"nothing has matured yet of {', '.join(f'{label}={value}' for label, value in labels.items() if value)}"
