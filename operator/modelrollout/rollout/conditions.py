"""What a person and a tool read of a rollout: conditions after kstatus, the phase, and one line that says why.

Ready is always present. Reconciling and Stalled follow the abnormal-true convention of kstatus: they are present only
while they are true (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from modelrollout.api.conditions import Condition, ConditionStatus
from modelrollout.api.status import Phase, Status
from modelrollout.api.validation import Problem
from modelrollout.api.versions import version_of
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.observation import Observation

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a ModelRollout stands: `reason` and `message` go with every condition that they explain."""

    phase: Phase
    reason: str
    message: str
    ready: bool = False
    reconciling: bool = False
    stalled: bool = False


def invalid_status(status: Status, generation: int, problems: Iterable[Problem], now: datetime) -> Status:
    """The status of a ModelRollout whose manifest cannot be used; what runs is left as it is."""
    message = "; ".join(f"{problem.field}: {problem.message}" for problem in problems)
    return _write(status, generation, Standing(Phase.INVALID, "InvalidSpec", message, stalled=True), [], now)


def with_conditions(draft: Draft, generation: int, observation: Observation, assessment: Assessment | None) -> Status:
    """The draft's status with conditions, phase, verdict and observedGeneration that say where it stands."""
    status = draft.status
    standing = _standing(draft, observation, assessment)
    wanted = version_of(draft.spec.model)
    promoted = status.champion is not None and status.champion.hash == wanted.hash and status.serving_since is not None
    further = [
        (
            "Promoted",
            TRUE if promoted else FALSE,
            "Champion" if promoted else standing.reason,
            f"{wanted.bento}: {standing.message}",
        ),
        _progressing(standing, status),
        _metrics_available(status, assessment),
    ]
    return _write(status, generation, standing, further, draft.now)


def _standing(draft: Draft, observation: Observation, assessment: Assessment | None) -> Standing:
    status, spec = draft.status, draft.spec
    wanted = version_of(spec.model)
    if spec.suspend:
        return Standing(Phase.SUSPENDED, "Suspended", "spec.suspend is true: pods and traffic stay as they are")
    if observation.apply_problem:
        return _in_rollout(status, "ApplyFailed", observation.apply_problem, stalled=True)
    if observation.route.problem:
        return _in_rollout(
            status,
            "RouteNotAccepted",
            f"The route carries no traffic yet: {observation.route.problem}",
            stalled=True,
        )
    if status.challenger and status.rollout:
        return _rollout_standing(draft, observation, assessment)
    if quarantined := draft.quarantined(wanted):
        return Standing(
            Phase.ROLLED_BACK,
            "RolledBack",
            f"{quarantined.message}. Change spec.model, or retry with: kubectl annotate --overwrite modelrollout "
            f"<name> modelrollout.io/retry=$(date +%s)",
            stalled=True,
        )
    assert status.champion is not None
    if status.serving_since is None:
        pods = observation.versions.get(status.champion.hash)
        problem = pods.problem if pods else ""
        return Standing(
            Phase.DEPLOYING,
            "Deploying",
            f"{status.champion.bento} is starting{': ' + problem if problem else ''}",
            reconciling=True,
        )
    pods = observation.versions.get(status.champion.hash)
    if pods is None or pods.ready == 0:
        problem = pods.problem if pods else "its Deployment is missing"
        return Standing(
            Phase.STABLE,
            "NoReadyPods",
            f"{status.champion.bento} has no ready pods: {problem}",
            reconciling=True,
        )
    if status.previous and status.watch:
        message = f"{status.champion.bento} was promoted; {status.previous.bento} stays warm until {status.watch.until:%Y-%m-%d %H:%M:%S}Z"
        if assessment:
            message += f": {assessment.summary}"
        return Standing(Phase.WATCHING, "Watching", message, ready=True)
    return Standing(Phase.STABLE, "Serving", f"{status.champion.bento} has all of the traffic", ready=True)


def _in_rollout(status: Status, reason: str, message: str, *, stalled: bool = False) -> Standing:
    phase = Phase.RAMPING if status.challenger else Phase.DEPLOYING
    return Standing(phase, reason, message, reconciling=not stalled, stalled=stalled)


def _rollout_standing(draft: Draft, observation: Observation, assessment: Assessment | None) -> Standing:
    challenger, progress = draft.status.challenger, draft.status.rollout
    assert challenger is not None
    assert progress is not None
    pods = observation.versions.get(challenger.hash)
    if progress.ramping_since is None or progress.not_ready_since is not None:
        problem = pods.problem if pods else ""
        phase = Phase.PREPARING if progress.ramping_since is None else Phase.RAMPING
        return Standing(
            phase,
            "ChallengerStarting",
            f"{challenger.bento} is getting ready{': ' + problem if problem else ''}",
            reconciling=True,
        )
    if progress.promoting_since is not None:
        return Standing(
            Phase.PROMOTING,
            "Promoting",
            f"{challenger.bento} gets the pods for all of the traffic",
            reconciling=True,
        )
    summary = assessment.summary if assessment else "no scrape of both versions judged yet"
    if progress.awaits_approval:
        return Standing(
            Phase.RAMPING,
            "AwaitingApproval",
            f"Weight {progress.target_weight} goes on when approved with: kubectl annotate --overwrite modelrollout <name> "
            f"modelrollout.io/approve=<who>; {summary}",
            reconciling=True,
        )
    deadline = draft.spec.strategy.deadline
    if draft.now - progress.ramping_since > deadline.after.timedelta:
        return Standing(
            Phase.RAMPING,
            "DeadlineExceeded",
            f"Still not proven after {deadline.after}, held: {summary}",
            stalled=True,
        )
    if assessment and assessment.unavailable:
        return Standing(
            Phase.RAMPING,
            "MetricsUnavailable",
            f"Held at weight {progress.target_weight}: {summary}",
            reconciling=True,
        )
    return Standing(Phase.RAMPING, "Ramping", summary, reconciling=True)


def _progressing(standing: Standing, status: Status) -> tuple[str, ConditionStatus, str, str]:
    moving = standing.reconciling and standing.reason not in {"AwaitingApproval", "MetricsUnavailable"}
    return "Progressing", TRUE if moving else FALSE, standing.reason, standing.message


def _metrics_available(status: Status, assessment: Assessment | None) -> tuple[str, ConditionStatus, str, str]:
    if assessment is None:
        return "MetricsAvailable", UNKNOWN, "NothingJudged", "No comparison is under way"
    if assessment.unavailable:
        return "MetricsAvailable", FALSE, "Unavailable", assessment.summary
    return "MetricsAvailable", TRUE, "Available", "Every gate has data"


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
