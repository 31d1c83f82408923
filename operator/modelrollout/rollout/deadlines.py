"""Deadlines: how long a rollout may stay undecided, and how long its metrics may be missing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from modelrollout.api.status import RolloutProgress
from modelrollout.api.strategy import Deadline, DeadlineAction, Strategy


@dataclass(frozen=True, slots=True)
class MissedDeadline:
    """A deadline that has passed: `cause` in one CamelCase word, `shortcoming` as what is said of the challenger."""

    deadline: Deadline
    cause: str
    shortcoming: str

    @property
    def asks(self) -> bool:
        """Whether people have to decide now."""
        return self.deadline.action is DeadlineAction.ASK

    @property
    def reason(self) -> str:
        """Why the rollout stands where it does, in one CamelCase word."""
        return "DecisionNeeded" if self.asks else self.cause


def missed_deadline(strategy: Strategy, progress: RolloutProgress, now: datetime) -> MissedDeadline | None:
    """The deadline that has passed, if any. An approval given then starts both anew."""
    no_metrics, undecided = strategy.metrics_deadline, strategy.deadline
    if _passed(progress.metrics_unavailable_since, progress, no_metrics, now):
        return MissedDeadline(no_metrics, "MetricsDeadlineExceeded", f"had no metrics for {no_metrics.after}")
    if progress.promoting_since is None and _passed(progress.ramping_since, progress, undecided, now):
        return MissedDeadline(undecided, "DeadlineExceeded", f"was not proven good within {undecided.after}")
    return None


def time_left(strategy: Strategy, progress: RolloutProgress, now: datetime) -> timedelta:
    """Until the rollout should be decided; negative when that has passed."""
    return _begun(progress.ramping_since or now, progress) + strategy.deadline.after.timedelta - now


def _passed(since: datetime | None, progress: RolloutProgress, deadline: Deadline, now: datetime) -> bool:
    return since is not None and now - _begun(since, progress) > deadline.after.timedelta


def _begun(since: datetime, progress: RolloutProgress) -> datetime:
    return max(since, progress.extended_at or since)
