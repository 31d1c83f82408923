"""What is said of a champion for as long as it serves."""

from datetime import datetime

from modelrollout.api.lifecycle import Lifecycle
from modelrollout.api.status import Status


def stale_at(lifecycle: Lifecycle, status: Status) -> datetime | None:
    """When the champion has served for longer than it may; None where nothing is asked, or nothing serves yet."""
    if lifecycle.stale_after is None or status.champion is None or status.serving_since is None:
        return None
    return status.serving_since + lifecycle.stale_after.timedelta


def stale_words(lifecycle: Lifecycle, status: Status, now: datetime) -> tuple[bool, str] | None:
    """Whether the champion is stale, and why, in words that stay the same until it is another; None as `stale_at`."""
    due = stale_at(lifecycle, status)
    if due is None or status.champion is None:
        return None
    if now >= due:
        return True, (
            f"{status.champion.bento} has served for longer than lifecycle.staleAfter of {lifecycle.stale_after},"
            f" since {_minute(status.serving_since)}: roll out a model of newer data"
        )
    return False, f"{status.champion.bento} may serve until {_minute(due)}"


def seconds_until_stale(lifecycle: Lifecycle, status: Status, now: datetime) -> float | None:
    """When to look again even if nothing happens; None if the champion is stale already, or never will be."""
    due = stale_at(lifecycle, status)
    return (due - now).total_seconds() if due and due > now else None


def _minute(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else ""
