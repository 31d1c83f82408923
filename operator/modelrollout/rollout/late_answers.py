"""Answers that are counted late, because they fail by a time-out: for what windows count after a change of weights.

A challenger whose weight was just raised shows its good answers at once and its time-outs later; one whose weight was
lowered shows the time-outs of more traffic than it has. docs/evidence.md says what that does to verdicts.
"""

from dataclasses import dataclass
from math import ceil

from modelrollout.api.evidence import WeightChanges
from modelrollout.evidence.sequential import SETTLED, Settled

# What a window holds began with a scrape in the one before it, and weights were changing until the end of theirs.
_WHOLE_WINDOWS = 2


def follow_weights(
    earlier: WeightChanges | None, written: tuple[int, int], *, accepted: bool, present_window: int
) -> WeightChanges:
    """When the weights were changed, as seen in the present window.

    written: percent of the champion's side and of the challenger, as the route has them. accepted: by all gateways.
    """
    if earlier is None:
        return WeightChanges(
            champion_weight=written[0] if accepted else 100,
            challenger_weight=written[1] if accepted else 0,
            changed=present_window,
        )
    before = (earlier.champion_weight, earlier.challenger_weight)
    if written == before:
        return earlier
    falls = written[1] < before[1] or written[0] > before[0]
    now = written if accepted else before
    return WeightChanges(
        champion_weight=now[0],
        challenger_weight=now[1],
        changed=present_window,
        lowered=present_window if falls else earlier.lowered,
    )


@dataclass(frozen=True, slots=True)
class LateAnswers:
    """changes: of the weights. timeout: seconds after which a request has surely been counted; 0 if none is late."""

    changes: WeightChanges
    timeout: float
    scrape_interval: float

    def settled(self, index: int) -> Settled:
        """For what a scrape window may count."""
        if not self.timeout:
            return SETTLED
        lowered = self.changes.lowered
        return Settled(
            rollback=lowered is None or index >= self._settled_from(lowered),
            promotion=index >= self._settled_from(self.changes.changed),
        )

    def seconds_left(self, now: float) -> float:
        """Until windows count for everything again; now: seconds since the epoch."""
        if not self.timeout:
            return 0.0
        return max(0.0, (self._settled_from(self.changes.changed) + 1) * self.scrape_interval - now)

    def _settled_from(self, change: int) -> int:
        return change + _WHOLE_WINDOWS + ceil(self.timeout / self.scrape_interval)
