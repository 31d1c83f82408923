"""The stages of a rollout. A new one is a file and a row here."""

from collections.abc import Mapping

from modelrollout.api.status import Stage, Status
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.holds import Hold
from modelrollout.rollout.life import life_of, under_way
from modelrollout.rollout.situation import Situation
from modelrollout.rollout.stages import preparing, promoting, ramping, serving, shadowing, watching
from modelrollout.rollout.stages.rules import StageRules, first_hold

STAGES: Mapping[Stage, StageRules] = {
    Stage.PREPARING: preparing.RULES,
    Stage.SHADOWING: shadowing.RULES,
    Stage.RAMPING: ramping.RULES,
    Stage.PROMOTING: promoting.RULES,
    Stage.WATCHING: watching.RULES,
    Stage.SERVING: serving.RULES,
}


def rules_of(status: Status) -> StageRules | None:
    """The rules of the stage that a status is in; None before the first champion is chosen."""
    life = life_of(status)
    return STAGES[life.stage] if life else None


def advance(draft: Draft) -> None:
    """Take what comes next at the stage that the draft is in."""
    if rules := rules_of(draft.status):
        rules.advance(draft)


def holding(situation: Situation) -> Hold | None:
    """What keeps the rollout under way from going on; None if nothing does, or if there is no rollout."""
    rollout = under_way(situation.status)
    return first_hold(STAGES[rollout.stage].holds, situation, rollout) if rollout else None
