"""Preparing: the challenger's pods start; it has no traffic yet."""

from modelrollout.api.commands import Command
from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.history import champion_history
from modelrollout.rollout.holds import (
    challenger_starting,
    no_baseline,
    no_champion,
    not_applied,
    route_not_taken_over,
)
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.stages.challenge import challenged
from modelrollout.rollout.stages.rules import StageRules, first_hold
from modelrollout.rollout.transitions import begin_promotion, begin_ramp, begin_shadow

HOLDS = (not_applied, no_baseline, challenger_starting, no_champion, route_not_taken_over)


def _go_on(draft: Draft, rollout: UnderWay) -> None:
    situation = draft.situation
    if draft.asked(Command.PROMOTE) and situation.alone_serves(rollout) and situation.has_enough_pods(rollout):
        begin_promotion(draft, rollout, "PromotionForced", "promoted by command")
    elif first_hold(HOLDS, draft.situation, rollout) is None:
        begin = begin_shadow if situation.spec.strategy.shadow else begin_ramp
        begin(draft, rollout, champion_history(draft.observation.champion_halves))


RULES = StageRules(
    phase=Phase.PREPARING,
    successors=frozenset({Stage.SHADOWING, Stage.RAMPING, Stage.PROMOTING, Stage.SERVING}),
    splits_traffic=False,
    counts_evidence=False,
    advance=challenged(_go_on),
    holds=HOLDS,
)
