"""What the stages of a rollout have in common: the challenger may have to give its traffic back at any of them."""

from collections.abc import Callable
from datetime import datetime

from modelrollout.api.status import INTERRUPTIONS_KEPT
from modelrollout.rollout.capacity import pods_needed
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import UnderWay, under_way
from modelrollout.rollout.observation import VersionObservation
from modelrollout.rollout.situation import Situation
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
    missing = situation.missing_baseline or situation.missing_champion(rollout.champion)
    unavailable = situation.assessment is not None and situation.assessment.unavailable and not missing
    pods = situation.pods(rollout.challenger)
    return draft.progress(
        rollout,
        not_ready_since=None if situation.has_enough_pods(rollout) else progress.not_ready_since or draft.now,
        metrics_unavailable_since=(progress.metrics_unavailable_since or draft.now) if unavailable else None,
        restarts=pods.restarts,
        interruptions=_interruptions(situation, rollout, pods),
    )


def _interruptions(situation: Situation, rollout: UnderWay, pods: VersionObservation) -> tuple[datetime, ...]:
    """When the challenger lost pods that it had its traffic for, or containers of them restarted."""
    progress = rollout.progress
    if situation.approved or progress.ramping_since is None:
        return ()
    carried = min(situation.status.weight or 0, progress.target_weight)
    lost = carried > 0 and pods.ready < pods_needed(situation.spec.serving.replicas, carried)
    if lost or pods.restarts > progress.restarts:
        return (*progress.interruptions, situation.now)[-INTERRUPTIONS_KEPT:]
    return progress.interruptions
