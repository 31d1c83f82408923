"""When a challenger must give its traffic back, at whatever stage it is. Nothing holds that up."""

from datetime import datetime, timedelta

from modelrollout.api.commands import Command
from modelrollout.api.strategy import DeadlineAction
from modelrollout.rollout.deadlines import missed_deadline
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.situation import Situation


def withdrawal(situation: Situation, rollout: UnderWay) -> tuple[str, str] | None:
    """Reason and message if the challenger must give its traffic back now."""
    challenger, assessment = rollout.challenger, situation.assessment
    if situation.asked(Command.ABORT):
        return "Aborted", f"{challenger.bento} was aborted by command"
    if assessment and assessment.failure:
        reference = "champion" if situation.spec.baseline.is_champion else "baseline"
        return "GateFailed", f"{challenger.bento} is worse than the {reference}: {assessment.failure}"
    if situation.alone_serves(rollout):
        # Nothing is gained for anybody by letting go of the only version that works.
        return None
    return _not_ready(situation, rollout) or _out_of_time(situation, rollout)


def _not_ready(situation: Situation, rollout: UnderWay) -> tuple[str, str] | None:
    since, limit = rollout.progress.not_ready_since, situation.spec.serving.progress_deadline
    if since is None or not _over(since, limit.timedelta, situation.now):
        return None
    pods = situation.pods(rollout.challenger)
    had = f"had {pods.ready} of {pods.desired} pods ready after {limit}"
    return "ChallengerNotReady", f"{rollout.challenger.bento} {had}: {pods.problem or 'no reason reported'}"


def _out_of_time(situation: Situation, rollout: UnderWay) -> tuple[str, str] | None:
    strategy = situation.spec.strategy
    missed = missed_deadline(strategy, rollout.progress, situation.now)
    if missed is None or missed.deadline.action is not DeadlineAction.ROLLBACK:
        return None
    assessment = situation.assessment
    if missed.deadline is strategy.deadline and (
        situation.is_incomparable(rollout) or (assessment and assessment.all_pass)
    ):
        # It could not be proven good, and that is no fault of its own; or it was.
        return None
    summary = assessment.summary if assessment else "nothing was judged"
    return missed.reason, f"{rollout.challenger.bento} {missed.shortcoming}: {summary}"


def _over(since: datetime, limit: timedelta, now: datetime) -> bool:
    return now - since > limit
