"""Watching: the new champion serves, and the old one is warm to take over again."""

from datetime import timedelta

from modelrollout.api.commands import Command
from modelrollout.api.status import Phase, Stage
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import Watched, watched
from modelrollout.rollout.situation import Situation
from modelrollout.rollout.stages.rules import StageRules
from modelrollout.rollout.transitions import end_watch, return_to_previous

# A champion without ready pods at the end of the watch may be about to get them back for so long.
_GRACE = timedelta(seconds=30)


def unpassed(situation: Situation, watch: Watched) -> str:
    """Why a watch whose time is over goes on, for a person; empty if it was passed."""
    champion = situation.without_pods(watch.champion, "champion")
    if champion:
        return champion
    if situation.assessment and situation.assessment.failure:
        return f"{situation.assessment.failure}; {situation.without_pods(watch.previous, 'old champion')}"
    lasts, replaceable = watch.watch.until > watch.watch.since, situation.pods(watch.previous).ready > 0
    if lasts and replaceable and not watch.watch.requests and not situation.approved:
        return f"no request of {watch.champion.bento} was measured since its promotion"
    return ""


def _advance(draft: Draft) -> None:
    watch = watched(draft.status)
    if watch is None:
        return
    watch = _followed(draft, watch)
    situation = draft.situation
    champion, previous = watch.champion, watch.previous
    if failed := _failed(situation, watch):
        return_to_previous(draft, watch, *failed, is_bad=True)
    elif draft.now >= watch.watch.until and not unpassed(situation, watch):
        message = f"{champion.bento} held up after its promotion; {previous.bento} is let go"
        end_watch(draft, watch, "WatchPassed", message)


def _followed(draft: Draft, watch: Watched) -> Watched:
    """Note since when the new champion has had no ready pods."""
    ready = draft.situation.pods(watch.champion).ready
    since = None if ready else watch.watch.not_ready_since or draft.now
    changed = watch.watch.model_copy(update={"not_ready_since": since})
    draft.change(watch=changed)
    return Watched(watch.champion, watch.previous, changed)


def _failed(situation: Situation, watch: Watched) -> tuple[str, str] | None:
    """Reason and message if the old champion is to take over again."""
    champion, assessment = watch.champion, situation.assessment
    if situation.asked(Command.ABORT):
        return "Aborted", f"{champion.bento} was aborted by command after its promotion"
    if not situation.pods(watch.previous).ready:
        return None
    if assessment and assessment.failure:
        return "RegressedAfterPromotion", f"{champion.bento} regressed after its promotion: {assessment.failure}"
    return _lost_its_pods(situation, watch)


def _lost_its_pods(situation: Situation, watch: Watched) -> tuple[str, str] | None:
    since, progress_deadline = watch.watch.not_ready_since, situation.spec.serving.progress_deadline
    if since is None:
        return None
    limit = _GRACE if situation.now >= watch.watch.until else progress_deadline.timedelta
    if situation.now - since < limit:
        return None
    problem = situation.pods(watch.champion).problem
    message = f"{watch.champion.bento} has had no ready pods since {since:%Y-%m-%dT%H:%M:%SZ}"
    return "LostItsPods", f"{message}: {problem}" if problem else message


RULES = StageRules(
    phase=Phase.WATCHING,
    successors=frozenset({Stage.SERVING, Stage.PREPARING}),
    splits_traffic=True,
    counts_evidence=True,
    advance=_advance,
)
