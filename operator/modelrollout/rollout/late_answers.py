"""Answers that are counted late, because they fail by a time-out: for what windows count after a change of weights.

A challenger whose weight was just raised shows its good answers at once and its time-outs later; one whose weight was
lowered shows the time-outs of more traffic than it has. docs/evidence.md says what that does to verdicts.
"""

from dataclasses import dataclass
from math import ceil

from modelrollout.api.evidence import WeightChanges
from modelrollout.evidence.sequential import Settled

# What a window holds began with a scrape in the one before it, and weights were changing until the end of theirs.
_WHOLE_WINDOWS = 2


def awaited_windows(timeout: float, scrape_interval: float) -> int:
    """Scrape windows after a change of weights in which answers from before it may be counted.

    timeout: seconds after which a request has surely been counted; 0 if none is late.
    """
    return _WHOLE_WINDOWS + ceil(timeout / scrape_interval) if timeout else 0


def follow_weights(
    earlier: WeightChanges | None, written: tuple[int, int], *, accepted: bool, present_window: int, awaited: int
) -> WeightChanges:
    """When the weights were changed, as seen in the present window.

    written: percent of the champion's side and of the challenger, as the route has them. accepted: by all gateways.
    awaited: `awaited_windows`.
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
    now = written if accepted else before
    changed = earlier.model_copy(
        update={"champion_weight": now[0], "challenger_weight": now[1], "changed": present_window}
    )
    falls = written[1] < before[1] or written[0] > before[0]
    return _lowered(changed, before, written, awaited) if falls else changed


def _lowered(changes: WeightChanges, before: tuple[int, int], written: tuple[int, int], awaited: int) -> WeightChanges:
    """Note what parts of the requests both had, as long as an earlier fall is awaited with those of then."""
    champion, challenger = zip(before, written, strict=True)
    both = sum(before), sum(written)
    most, least = max(challenger) / max(1, min(both)), min(champion) / max(1, *both)
    if changes.lowered is not None and changes.changed < changes.lowered + awaited:
        most, least = max(most, changes.challenger_most), min(least, changes.champion_least)
    return changes.model_copy(update={"lowered": changes.changed, "challenger_most": most, "champion_least": least})


@dataclass(frozen=True, slots=True)
class LateAnswers:
    """changes: of the weights. awaited: `awaited_windows`."""

    changes: WeightChanges
    awaited: int
    scrape_interval: float

    def settled(self, index: int) -> Settled:
        """For what a scrape window may count."""
        changes = self.changes
        promotion = index >= changes.changed + self.awaited or not self.awaited
        if not self.awaited or changes.lowered is None or index >= changes.lowered + self.awaited:
            return Settled(promotion)
        return Settled(promotion, changes.challenger_most, changes.champion_least)

    def seconds_left(self, now: float) -> float:
        """Until windows count for everything again; now: seconds since the epoch."""
        if not self.awaited:
            return 0.0
        return max(0.0, (self.changes.changed + self.awaited + 1) * self.scrape_interval - now)
