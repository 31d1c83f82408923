"""Watching: the new champion serves, and the old one is warm to take over again."""

from modelrollout.api.commands import Command
from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import watched
from modelrollout.rollout.stages.rules import StageRules
from modelrollout.rollout.transitions import end_watch, return_to_previous


def _advance(draft: Draft) -> None:
    situation, watch = draft.situation, watched(draft.status)
    if watch is None:
        return
    champion, previous, assessment = watch.champion, watch.previous, situation.assessment
    if draft.asked(Command.ABORT):
        message = f"{champion.bento} was aborted by command after its promotion"
        return_to_previous(draft, watch, "Aborted", message, is_bad=True)
    elif assessment and assessment.failure and situation.pods(previous).ready > 0:
        message = f"{champion.bento} regressed after its promotion: {assessment.failure}"
        return_to_previous(draft, watch, "RegressedAfterPromotion", message, is_bad=True)
    elif draft.now >= watch.watch.until:
        message = f"{champion.bento} held up after its promotion; {previous.bento} is let go"
        end_watch(draft, watch, "WatchPassed", message)


RULES = StageRules(
    phase=Phase.WATCHING,
    successors=frozenset({Stage.SERVING, Stage.PREPARING}),
    splits_traffic=True,
    counts_evidence=True,
    advance=_advance,
)
