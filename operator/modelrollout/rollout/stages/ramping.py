"""Ramping: the challenger gets more of the traffic, step by step, while the gates compare."""

from modelrollout.api.commands import Command
from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.deadlines import missed_deadline
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.holds import (
    awaits_approval,
    challenger_starting,
    champion_failing,
    deadline_passed,
    doubtful,
    following_step,
    late_answers,
    metrics_unavailable,
    no_baseline,
    no_champion,
    no_requests_yet,
    no_verdict_yet,
    not_applied,
    retreated,
    route_not_taken_over,
    step_too_young,
    traffic_off_weights,
    undecided,
    unstable,
)
from modelrollout.rollout.judging import Assessment
from modelrollout.rollout.late_answers import awaited_windows
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.ramp import RETREAT_WEIGHT, is_cheaper_kept
from modelrollout.rollout.stages.challenge import challenged
from modelrollout.rollout.stages.rules import StageRules, first_hold
from modelrollout.rollout.transitions import begin_promotion, extend, hold_for_deadline, retreat, set_weight

HOLDS = (
    not_applied,
    challenger_starting,
    no_baseline,
    no_champion,
    deadline_passed,
    traffic_off_weights,
    metrics_unavailable,
    champion_failing,
    doubtful,
    unstable,
    no_verdict_yet,
    route_not_taken_over,
    retreated,
    late_answers,
    no_requests_yet,
    step_too_young,
    awaits_approval,
    undecided,
)


def _go_on(draft: Draft, rollout: UnderWay) -> None:
    if draft.asked(Command.PROMOTE) and draft.situation.has_enough_pods(rollout):
        begin_promotion(draft, rollout, "PromotionForced", "promoted by command")
        return
    rollout = _heed_deadline(draft, rollout)
    if draft.assessment and _should_retreat(draft, draft.assessment, rollout.progress.target_weight):
        retreat(draft, rollout, draft.assessment.gross)
        return
    hold = first_hold(HOLDS, draft.situation, rollout)
    rollout = draft.progress(rollout, awaits_approval=hold is not None and hold.reason == "AwaitingApproval")
    if hold is None:
        _take_step(draft, rollout)


def _should_retreat(draft: Draft, assessment: Assessment, weight: int) -> bool:
    """Whether traffic is taken away before there is a verdict; not where the verdict is as near as the retreat."""
    if not assessment.gross or weight <= RETREAT_WEIGHT:
        return False
    settings = draft.settings
    awaited = awaited_windows(draft.spec.serving.request_timeout.seconds, settings.scrape_interval)
    return not is_cheaper_kept(weight, awaited or settings.windows_per_minute, near=assessment.near)


def _heed_deadline(draft: Draft, rollout: UnderWay) -> UnderWay:
    """Give more time where an approval says so, and say where the weight is held for a deadline."""
    missed = missed_deadline(draft.spec.strategy, rollout.progress, draft.now)
    if missed is None:
        return draft.progress(rollout, held_since=None)
    if draft.approved:
        return extend(draft, rollout, missed)
    return hold_for_deadline(draft, rollout, missed)


def _take_step(draft: Draft, rollout: UnderWay) -> None:
    situation = draft.situation
    step = following_step(situation, rollout)
    if step is None:
        return
    if step.finished:
        begin_promotion(draft, rollout, "PromotionStarted", situation.summary)
    else:
        set_weight(draft, rollout, step.index, step.weight, situation.summary)


RULES = StageRules(
    phase=Phase.RAMPING,
    successors=frozenset({Stage.PROMOTING, Stage.PREPARING, Stage.SERVING}),
    splits_traffic=True,
    counts_evidence=True,
    advance=challenged(_go_on),
    holds=HOLDS,
)
