"""What a person and a tool read of a rollout: conditions after kstatus, the phase, and one line that says why.

Ready is always present. Reconciling and Stalled follow the abnormal-true convention of kstatus: they are present only
while they are true (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md).
"""

from collections.abc import Iterable
from datetime import datetime

from modelrollout.api.conditions import Condition, ConditionStatus
from modelrollout.api.status import Phase, Status, Version
from modelrollout.api.validation import Problem
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.lifecycle import stale_words
from modelrollout.rollout.situation import Situation
from modelrollout.rollout.split import mismatch
from modelrollout.rollout.standing import Standing, standing_of
from modelrollout.rollout.versions import quarantined

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def invalid_status(
    status: Status, generation: int, problems: Iterable[Problem], now: datetime, *, judged: bool = False
) -> Status:
    """The status of a ModelRollout whose manifest cannot be used; what runs is left as it is.

    judged: whether the last valid spec goes on being judged.
    """
    message = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
    if judged:
        message += "; until this is corrected, the last valid spec goes on being judged"
    return _write(status, generation, Standing(Phase.INVALID, "InvalidSpec", message, stalled=True), [], now)


def undecided_status(status: Status, generation: int, reason: str, why: str, now: datetime) -> Status:
    """The status of a ModelRollout about which the operator could not decide. why: in words for a person."""
    message = f"{why}. Pods and traffic stay as they were decided before"
    phase = status.phase or Phase.DEPLOYING
    return _write(status, generation, Standing(phase, reason, message, stalled=True), [], now)


def with_conditions(situation: Situation, generation: int) -> Status:
    """The status with conditions, phase, verdict and observedGeneration that say where it stands."""
    status = situation.status
    standing = standing_of(situation)
    wanted = situation.wanted
    promoted = status.champion is not None and status.champion.hash == wanted.hash and status.serving_since is not None
    further = [
        (
            "Promoted",
            TRUE if promoted else FALSE,
            "Champion" if promoted else standing.reason,
            f"{wanted.bento} is {'the champion' if promoted else _role(status, wanted)}",
        ),
        _progressing(status, standing),
        _metrics_available(situation.assessment),
        _traffic_as_weighted(status),
        *_stale(situation),
    ]
    return _write(status, generation, standing, further, situation.now)


def _role(status: Status, wanted: Version) -> str:
    """What the version of the spec is, other than a champion that serves."""
    if status.champion and status.champion.hash == wanted.hash:
        return "about to be the first champion"
    if status.challenger and status.challenger.hash == wanted.hash:
        return "the challenger"
    return "in quarantine" if quarantined(status, wanted) else "not deployed"


def _progressing(status: Status, standing: Standing) -> tuple[str, ConditionStatus, str, str]:
    weight = "" if status.weight is None else f" at weight {status.weight}"
    return "Progressing", TRUE if standing.moving else FALSE, standing.reason, f"{standing.phase}{weight}"


def _metrics_available(assessment: Assessment | None) -> tuple[str, ConditionStatus, str, str]:
    if assessment is None:
        return "MetricsAvailable", UNKNOWN, "NothingJudged", "No comparison is under way"
    if assessment.unavailable:
        return "MetricsAvailable", FALSE, "Unavailable", assessment.summary
    return "MetricsAvailable", TRUE, "Available", "Every gate has data"


def _traffic_as_weighted(status: Status) -> tuple[str, ConditionStatus, str, str]:
    split = status.evidence and status.evidence.split
    if not split or not split.requests:
        return "TrafficAsWeighted", UNKNOWN, "NothingCounted", "No traffic is split, or not for long enough"
    if misrouted := mismatch(status):
        return "TrafficAsWeighted", FALSE, "SampleRatioMismatch", misrouted
    return "TrafficAsWeighted", TRUE, "AsWeighted", "The traffic follows the weights as far as it was counted"


def _stale(situation: Situation) -> list[tuple[str, ConditionStatus, str, str]]:
    said = stale_words(situation.spec.lifecycle, situation.status, situation.now)
    if said is None:
        return []
    stale, message = said
    return [("Stale", TRUE if stale else FALSE, "ServedTooLong" if stale else "Fresh", message)]


def _write(
    status: Status,
    generation: int,
    standing: Standing,
    further: list[tuple[str, ConditionStatus, str, str]],
    now: datetime,
) -> Status:
    wanted = [("Ready", TRUE if standing.ready else FALSE, standing.reason, standing.message), *further]
    if standing.reconciling:
        wanted.append(("Reconciling", TRUE, standing.reason, standing.message))
    if standing.stalled:
        wanted.append(("Stalled", TRUE, standing.reason, standing.message))
    earlier = {condition.type: condition for condition in status.conditions}
    return status.model_copy(
        update={
            "observed_generation": generation,
            "phase": standing.phase,
            "verdict": standing.message,
            "conditions": tuple(
                _condition(earlier.get(type_), type_, value, reason, message, generation, now)
                for type_, value, reason, message in wanted
            ),
        }
    )


def _condition(
    earlier: Condition | None,
    type_: str,
    value: ConditionStatus,
    reason: str,
    message: str,
    generation: int,
    now: datetime,
) -> Condition:
    changed = earlier.last_transition_time if earlier and earlier.status == value else now
    return Condition(
        type=type_,
        status=value,
        reason=reason,
        message=message,
        observed_generation=generation,
        last_transition_time=changed,
    )
