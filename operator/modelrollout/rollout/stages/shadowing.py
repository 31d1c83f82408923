"""Shadowing: the challenger gets copies of requests, and its answers reach nobody."""

from modelrollout.api.commands import Command
from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.holds import (
    challenger_starting,
    champion_failing,
    doubtful,
    metrics_unavailable,
    no_baseline,
    no_champion,
    no_verdict_yet,
    not_applied,
    route_not_taken_over,
)
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.shadow_holds import no_copies_yet, shadow_too_young, unproven_on_copies
from modelrollout.rollout.stages.challenge import challenged
from modelrollout.rollout.stages.rules import StageRules, first_hold
from modelrollout.rollout.transitions import begin_promotion, begin_ramp

HOLDS = (
    not_applied,
    challenger_starting,
    no_baseline,
    no_champion,
    metrics_unavailable,
    champion_failing,
    doubtful,
    no_verdict_yet,
    route_not_taken_over,
    no_copies_yet,
    shadow_too_young,
    unproven_on_copies,
)


def _go_on(draft: Draft, rollout: UnderWay) -> None:
    if draft.asked(Command.PROMOTE) and draft.situation.has_enough_pods(rollout):
        begin_promotion(draft, rollout, "PromotionForced", "promoted by command")
    elif draft.spec.strategy.shadow is None or first_hold(HOLDS, draft.situation, rollout) is None:
        begin_ramp(draft, rollout, ())


RULES = StageRules(
    phase=Phase.SHADOWING,
    successors=frozenset({Stage.RAMPING, Stage.PROMOTING, Stage.SERVING, Stage.PREPARING}),
    splits_traffic=False,
    counts_evidence=True,
    advance=challenged(_go_on),
    holds=HOLDS,
)
