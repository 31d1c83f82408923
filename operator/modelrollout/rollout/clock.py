"""Time that counts towards no deadline: while nothing was to be decided, or nobody was there to decide.

`status.looked_at` says when the operator was there last. It is written with every decision that says something new, and
at least every `WRITTEN_EVERY` while a rollout or a watch is under way.
"""

from datetime import datetime, timedelta

from modelrollout.api.status import RolloutProgress, Status
from modelrollout.rollout.draft import Draft
from modelrollout.rollout.life import UnderWay, Watched, life_of
from modelrollout.rollout.settings import Settings

WRITTEN_EVERY = timedelta(seconds=60)
# From then on the operator was away, and not just about to look again.
_AWAY = timedelta(seconds=120)
_LOOKS_MISSED = 4


def suspend(draft: Draft) -> None:
    """Note since when the operator has been told to do nothing."""
    if draft.status.suspended_since is None:
        draft.change(suspended_since=draft.now)


def resume(draft: Draft) -> None:
    """Note that somebody decides, and move all deadlines and the end of the step by the time for which nobody did."""
    lost = _lost(draft.status, draft.now, draft.settings)
    draft.change(looked_at=draft.now, suspended_since=None)
    life = life_of(draft.status)
    if not lost:
        return
    if isinstance(life, UnderWay):
        draft.change(rollout=_postponed(life.progress, lost))
    if isinstance(life, Watched):
        moved = {"until": life.watch.until + lost, "not_ready_since": _plus(life.watch.not_ready_since, lost)}
        draft.change(watch=life.watch.model_copy(update=moved))


def is_under_way(status: Status) -> bool:
    """Whether anything has a deadline."""
    return isinstance(life_of(status), UnderWay | Watched)


def _lost(status: Status, now: datetime, settings: Settings) -> timedelta:
    if status.suspended_since is not None:
        return max(now - status.suspended_since, timedelta())
    if status.looked_at is None:
        return timedelta()
    away = now - status.looked_at
    return away if away > max(_AWAY, _LOOKS_MISSED * timedelta(seconds=settings.scrape_interval)) else timedelta()


def _postponed(progress: RolloutProgress, lost: timedelta) -> RolloutProgress:
    return progress.model_copy(
        update={
            "not_ready_since": _plus(progress.not_ready_since, lost),
            "metrics_unavailable_since": _plus(progress.metrics_unavailable_since, lost),
            "step_since": progress.step_since + lost,
            "extended_at": _plus(progress.extended_at or progress.ramping_since, lost),
        }
    )


def _plus(time: datetime | None, lost: timedelta) -> datetime | None:
    return time and time + lost
