"""What of a decision has to be written down at once, what may wait, and when to look again."""

from datetime import datetime, timedelta
from math import floor

from modelrollout.api.evidence import TrafficSplit
from modelrollout.api.status import Status
from modelrollout.rollout.clock import WRITTEN_EVERY, is_under_way
from modelrollout.rollout.settings import Settings

# Words that change by themselves are written no more often than this.
WORDS_EVERY = timedelta(seconds=15)


def says_something_new(decided: Status, written: Status) -> bool:
    """Whether a status says anything that must not wait, or has waited for long enough."""
    if _essence(decided) != _essence(written):
        return True
    if is_under_way(decided):
        return _waited(decided, written) >= WRITTEN_EVERY
    return _words(decided) != _words(written) and _waited(decided, written) >= WORDS_EVERY


def requeue_after(decided: Status, written: Status, settings: Settings, now: datetime) -> float | None:
    """Seconds until the next scrape window can be read or words are to be written; None while only events matter."""
    reconciling = any(condition.type == "Reconciling" for condition in decided.conditions)
    if reconciling or is_under_way(decided) or decided.retiring:
        interval = settings.scrape_interval
        # A window can be read once its scrapes can, which for the last one may still be to come.
        readable = now.timestamp() - settings.scrape_lag
        return (floor(readable / interval) + 1) * interval - readable
    if _words(decided) != _words(written) and not says_something_new(decided, written):
        return max((WORDS_EVERY - _waited(decided, written)).total_seconds(), 1.0)
    return None


def _waited(decided: Status, written: Status) -> timedelta:
    """How long ago the status was written last; no time where nobody could decide since."""
    if decided.looked_at is None:
        return timedelta()
    return decided.looked_at - written.looked_at if written.looked_at else WRITTEN_EVERY


def _words(status: Status) -> tuple[str, ...]:
    return status.verdict, *(condition.message for condition in status.conditions)


def _essence(status: Status) -> tuple[Status, TrafficSplit | None]:
    """The status without what changes with every scrape, and since when the traffic is split as it is."""
    split = status.evidence and status.evidence.split
    begun = split.model_copy(update={"requests": 0, "challenger_requests": 0, "state": None}) if split else None
    passing = {
        "gates": (),
        "evidence": None,
        "verdict": "",
        "looked_at": None,
        "conditions": tuple(condition.model_copy(update={"message": ""}) for condition in status.conditions),
        "rollout": status.rollout and status.rollout.model_copy(update={"step_requests": 0}),
        "watch": status.watch and status.watch.model_copy(update={"requests": 0}),
    }
    return status.model_copy(update=passing), begun
