"""What happens next to a rollout, and to the watch after a promotion, given the pods and the verdicts."""

from datetime import datetime, timedelta

from modelrollout.api.commands import Command
from modelrollout.api.status import RolloutProgress, Version
from modelrollout.api.strategy import DeadlineAction
from modelrollout.rollout.baseline import missing_baseline
from modelrollout.rollout.deadlines import MissedDeadline, missed_deadline
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.history import champion_history
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.observation import Observation, VersionObservation
from modelrollout.rollout.placement import pods_needed
from modelrollout.rollout.ramp import NextStep, awaits_approval, next_step
from modelrollout.rollout.split import mismatch


def note_serving(draft: Draft, observation: Observation) -> None:
    """Remember the moment from which the first champion served."""
    champion = draft.status.champion
    if champion and draft.status.serving_since is None and _pods(observation, champion).ready > 0:
        draft.change(serving_since=draft.now)
        draft.record("Serve", "ChampionServing", f"{champion.bento} is ready and has all of the traffic")


def advance_rollout(draft: Draft, observation: Observation, assessment: Assessment | None) -> None:
    """Take the challenger one step further, promote it or roll it back. Does nothing without a challenger."""
    challenger, progress = draft.status.challenger, draft.status.rollout
    if challenger is None or progress is None:
        return
    pods = _pods(observation, challenger)
    enough = pods.ready >= pods_needed(draft.spec.serving.replicas, progress.target_weight)
    waiting = missing_baseline(draft.status, observation)
    unavailable = assessment is not None and assessment.unavailable and not waiting
    progress = draft.progress(
        not_ready_since=None if enough else progress.not_ready_since or draft.now,
        metrics_unavailable_since=(progress.metrics_unavailable_since or draft.now) if unavailable else None,
    )
    if withdrawal := _withdrawal(draft, challenger, pods, observation, assessment):
        draft.roll_back(*withdrawal)
    elif not enough:
        return
    elif progress.ramping_since is None:
        if observation.route.settled and not waiting:
            draft.begin_ramp(champion_history(observation.champion_halves))
    elif progress.promoting_since is None:
        _ramp(draft, challenger, observation, assessment)
    elif observation.route.settled:
        draft.promote("Promoted", f"{challenger.bento} is the champion")


def advance_watch(draft: Draft, observation: Observation, assessment: Assessment | None) -> None:
    """Judge a promotion while the old champion is warm. Does nothing when no watch runs."""
    champion, previous, watch = draft.status.champion, draft.status.previous, draft.status.watch
    if champion is None or previous is None or watch is None:
        return
    if draft.asked(Command.ABORT):
        draft.return_to_previous(
            "Aborted", f"{champion.bento} was aborted by command after its promotion", quarantine=True
        )
    elif assessment and assessment.failure and _pods(observation, previous).ready > 0:
        message = f"{champion.bento} regressed after its promotion: {assessment.failure}"
        draft.return_to_previous("RegressedAfterPromotion", message, quarantine=True)
    elif draft.now >= watch.until:
        draft.end_watch("WatchPassed", f"{champion.bento} held up after its promotion; {previous.bento} is let go")


def remove_drained(draft: Draft, observation: Observation) -> None:
    """Let go of retiring versions that have had no traffic for the drain time."""
    drain = draft.spec.serving.drain.timedelta
    draft.remove_retired(
        {
            retiring.hash
            for retiring in draft.status.retiring
            if observation.route.weights.get(retiring.hash, 0) == 0 and _over(retiring.since, drain, draft.now)
        }
    )


def _withdrawal(
    draft: Draft,
    challenger: Version,
    pods: VersionObservation,
    observation: Observation,
    assessment: Assessment | None,
) -> tuple[str, str] | None:
    """Reason and message if the challenger must give its traffic back now."""
    strategy, serving, progress = draft.spec.strategy, draft.spec.serving, draft.status.rollout
    assert progress is not None
    summary = assessment.summary if assessment else "nothing was judged"
    if draft.asked(Command.ABORT):
        return "Aborted", f"{challenger.bento} was aborted by command"
    if assessment and assessment.failure:
        baseline = "champion" if draft.spec.baseline.is_champion else "baseline"
        return "GateFailed", f"{challenger.bento} is worse than the {baseline}: {assessment.failure}"
    if progress.not_ready_since and _over(progress.not_ready_since, serving.progress_deadline.timedelta, draft.now):
        return (
            "ChallengerNotReady",
            f"{challenger.bento} had {pods.ready} of {pods.desired} pods ready after {serving.progress_deadline}: "
            f"{pods.problem or 'no reason reported'}",
        )
    missed = missed_deadline(strategy, progress, draft.now)
    if missed is None or missed.deadline.action is not DeadlineAction.ROLLBACK:
        return None
    if missed.deadline is strategy.deadline and _incomparable(draft, observation):
        # It could not be proven good, and that is no fault of its own.
        return None
    return missed.reason, f"{challenger.bento} {missed.shortcoming}: {summary}"


def _ramp(draft: Draft, challenger: Version, observation: Observation, assessment: Assessment | None) -> None:
    progress = draft.status.rollout
    assert progress is not None
    if draft.asked(Command.PROMOTE):
        draft.begin_promotion("PromotionForced", "promoted by command")
        return
    approved = draft.asked(Command.APPROVE)
    missed = _held_by_deadline(draft, progress, approved)
    route = observation.route
    applied = route.settled and route.weights.get(challenger.hash) == progress.target_weight
    if assessment is None or not assessment.complete or assessment.suspicion or not applied:
        return
    if _incomparable(draft, observation):
        return
    if assessment.through * draft.settings.scrape_interval < progress.step_since.timestamp():
        # No window yet that lies wholly within this step: a step that was not observed is not over.
        return
    strategy = draft.spec.strategy
    draft.progress(awaits_approval=not approved and awaits_approval(strategy, progress, draft.now))
    step = next_step(strategy, progress, assessment, approved=approved, now=draft.now)
    if step is None or (missed and _needs_more_time(step, progress, missed)):
        return
    if not step.finished:
        draft.set_weight(step.index, step.weight, assessment.summary)
    elif assessment.all_pass:
        draft.begin_promotion("PromotionStarted", assessment.summary)


def _incomparable(draft: Draft, observation: Observation) -> bool:
    return bool(missing_baseline(draft.status, observation) or mismatch(draft.status))


def _pods(observation: Observation, version: Version) -> VersionObservation:
    absent = VersionObservation(hash=version.hash, desired=0, ready=0, updated=False)
    return observation.versions.get(version.hash, absent)


def _held_by_deadline(draft: Draft, progress: RolloutProgress, approved: bool) -> MissedDeadline | None:
    """The deadline for which the weight is held, unless it was approved to go on."""
    missed = missed_deadline(draft.spec.strategy, progress, draft.now)
    if missed and approved:
        draft.extend(missed)
        return None
    if missed:
        draft.hold(missed)
    else:
        draft.progress(held_since=None)
    return missed


def _needs_more_time(step: NextStep, progress: RolloutProgress, missed: MissedDeadline) -> bool:
    """Whether a step may not be taken after a deadline. Less weight is always right."""
    if step.finished:
        return missed.asks
    return step.weight > progress.target_weight


def _over(since: datetime, limit: timedelta, now: datetime) -> bool:
    return now - since > limit
