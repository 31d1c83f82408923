"""Promoting: the challenger was found good and gets the pods, then the traffic, of a champion."""

from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.holds import not_applied, pods_growing, route_not_taken_over
from modelrollout.rollout.life import UnderWay
from modelrollout.rollout.stages.challenge import challenged
from modelrollout.rollout.stages.rules import StageRules, first_hold
from modelrollout.rollout.transitions import promote

HOLDS = (not_applied, pods_growing, route_not_taken_over)


def _go_on(draft: Draft, rollout: UnderWay) -> None:
    if first_hold(HOLDS, draft.situation, rollout) is None:
        promote(draft, rollout)


RULES = StageRules(
    phase=Phase.PROMOTING,
    successors=frozenset({Stage.WATCHING, Stage.PREPARING, Stage.SERVING}),
    splits_traffic=True,
    counts_evidence=True,
    advance=challenged(_go_on),
    holds=HOLDS,
)
