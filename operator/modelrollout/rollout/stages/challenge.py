"""What the stages of a rollout have in common: the challenger may have to give its traffic back at any of them."""

from collections.abc import Callable

from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import UnderWay, under_way
from modelrollout.rollout.transitions import roll_back
from modelrollout.rollout.withdrawal import withdrawal


def challenged(go_on: Callable[[Draft, UnderWay], None]) -> Callable[[Draft], None]:
    """An `advance` that rolls back where that must be, whatever else a stage waits for, and else goes on."""

    def advance(draft: Draft) -> None:
        rollout = under_way(draft.status)
        if rollout is None:
            return
        rollout = _followed(draft, rollout)
        if reason := withdrawal(draft.situation, rollout):
            roll_back(draft, rollout, *reason)
        else:
            go_on(draft, rollout)

    return advance


def _followed(draft: Draft, rollout: UnderWay) -> UnderWay:
    """Note since when the challenger has had too few pods, and no metrics."""
    situation, progress = draft.situation, rollout.progress
    unavailable = (
        situation.assessment is not None and situation.assessment.unavailable and not situation.missing_reference
    )
    return draft.progress(
        rollout,
        not_ready_since=None if situation.has_enough_pods(rollout) else progress.not_ready_since or draft.now,
        metrics_unavailable_since=(progress.metrics_unavailable_since or draft.now) if unavailable else None,
    )
