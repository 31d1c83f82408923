"""Where a ModelRollout stands, in the words that its conditions use."""

from dataclasses import dataclass

from modelrollout.api.commands import Command
from modelrollout.api.identity import version_of
from modelrollout.api.status import Phase, Status, Version
from modelrollout.rollout.baseline import missing_baseline
from modelrollout.rollout.deadlines import MissedDeadline, missed_deadline
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.split import mismatch


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a ModelRollout stands: `reason` and `message` go with every condition that they explain."""

    phase: Phase
    reason: str
    message: str
    ready: bool = False
    reconciling: bool = False
    stalled: bool = False


def standing_of(draft: Draft, observation: Observation, assessment: Assessment | None) -> Standing:
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
            stalled=observation.route.refused,
        )
    if status.challenger and status.rollout:
        return _rollout_standing(draft, observation, assessment)
    if quarantined := draft.quarantined(wanted):
        return Standing(
            Phase.ROLLED_BACK,
            "RolledBack",
            f"{quarantined.message.rstrip('.')}. Change spec.model, or {_annotate(Command.RETRY)}",
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
        until = f"{status.watch.until:%Y-%m-%dT%H:%M:%SZ}"
        message = f"{status.champion.bento} was promoted; {status.previous.bento} stays warm until {until}"
        if assessment:
            message += f": {'; '.join(filter(None, [mismatch(status), assessment.summary]))}"
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
    waiting = missing_baseline(draft.status, observation)
    if progress.not_ready_since is not None or (progress.ramping_since is None and not waiting):
        problem = pods.problem if pods else ""
        phase = Phase.PREPARING if progress.ramping_since is None else Phase.RAMPING
        return Standing(
            phase,
            "ChallengerStarting",
            f"{challenger.bento} is getting ready{': ' + problem if problem else ''}",
            reconciling=True,
        )
    summary = assessment.summary if assessment else "no scrape of both versions judged yet"
    misrouted = mismatch(draft.status)
    if misrouted:
        summary = f"{misrouted}; {summary}"
    if progress.promoting_since is not None:
        return Standing(
            Phase.PROMOTING,
            "Promoting",
            f"{challenger.bento} gets the pods for all of the traffic",
            reconciling=True,
        )
    if waiting:
        late = draft.now - progress.started_at > draft.spec.serving.progress_deadline.timedelta
        return Standing(
            Phase.RAMPING if progress.ramping_since else Phase.PREPARING,
            "BaselineNotReady",
            f"Held at weight {draft.status.weight or 0}, undecided: {waiting}",
            reconciling=not late,
            stalled=late,
        )
    if missed := missed_deadline(draft.spec.strategy, progress, draft.now):
        return _after_deadline(missed, progress.target_weight, challenger, summary)
    if progress.awaits_approval:
        return Standing(
            Phase.RAMPING,
            "AwaitingApproval",
            f"Weight {progress.target_weight} waits for an approval: {_annotate(Command.APPROVE)}; {summary}",
            reconciling=True,
        )
    if misrouted:
        message = f"Held at weight {progress.target_weight}: {summary}"
        return Standing(Phase.RAMPING, "SampleRatioMismatch", message, reconciling=True)
    if assessment and assessment.unavailable:
        return Standing(
            Phase.RAMPING,
            "MetricsUnavailable",
            f"Held at weight {progress.target_weight}: {summary}",
            reconciling=True,
        )
    if assessment and assessment.suspicion:
        message = f"Held at weight {progress.target_weight}, doubtful: {assessment.suspicion}"
        return Standing(Phase.RAMPING, "Doubtful", message, reconciling=True)
    return Standing(Phase.RAMPING, "Ramping", summary, reconciling=True)


def _after_deadline(missed: MissedDeadline, weight: int, challenger: Version, summary: str) -> Standing:
    message = (
        f"Held at weight {weight}, {challenger.bento} {missed.shortcoming}: {summary}. For another "
        f"{missed.deadline.after} {_annotate(Command.APPROVE)}"
    )
    if missed.asks:
        message += "; the annotations modelrollout.io/promote and /abort decide"
    return Standing(Phase.RAMPING, missed.reason, message, stalled=True)


def _annotate(command: Command) -> str:
    return f"run: kubectl annotate --overwrite modelrollout NAME {command.annotation}=$(date +%s)"
