"""Events without a number of trials, like crashes: does the challenger have more than its part of them?

If it has not, each event is the challenger's with a probability of at most `share`, whatever happened before. So the
product over the events of q / share, or (1 - q) / (1 - share) for one that is not the challenger's, is not expected to
grow for any bet q above the share: an exact test at any number of events, however often one looks, and whatever makes
events more frequent for both (the split of a Poisson process by its sum; Ville's inequality, 1939).
"""

import math
from dataclasses import dataclass, replace

from modelrollout.evidence.eprocess import log_weighted_mean_exp
from modelrollout.evidence.packing import pack_floats, unpack_floats

# How many times more often than by its share an event is the challenger's, and what is bet on it: little on the
# largest, so that a single event, which is nobody's proof, does not look like one.
_BETS = ((0.9, 4.0), (0.1, 100.0))
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class RareEventTest:
    """ratio: how many times as often as by its share the challenger may have an event. alpha: false-alarm rate."""

    alpha: float
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class RareEventState:
    """Events so far, and the logarithm of the evidence of each bet; `most`: the largest of their mean so far."""

    champion: int = 0
    challenger: int = 0
    logs: tuple[float, ...] = (0.0,) * len(_BETS)
    most: float = 0.0

    @property
    def log_e(self) -> float:
        """Present evidence that the challenger has more than its share."""
        return log_weighted_mean_exp((weight, log) for (weight, _), log in zip(_BETS, self.logs, strict=True))

    def packed(self) -> str:
        """The evidence as text."""
        return pack_floats((*self.logs, self.most))

    @classmethod
    def unpacked(cls, champion: int, challenger: int, text: str) -> "RareEventState":
        """From the events and the text of `packed`. Raises ValueError for any other text."""
        *logs, most = unpack_floats(text, len(_BETS) + 1)
        return cls(champion, challenger, tuple(logs), most)


def update_rare_events(
    test: RareEventTest, state: RareEventState, champion: int, challenger: int, share: float
) -> RareEventState:
    """The state after some more events. share (0..1): the most that the challenger's part of them can be by chance.

    Where all of it is the challenger's nothing can be told.
    """
    odds = test.ratio * share / (1 - share) if share < 1 else math.inf
    state = replace(state, champion=state.champion + champion, challenger=state.challenger + challenger)
    if math.isinf(odds) or not champion + challenger:
        return state
    null = max(odds / (1 + odds), _LEAST_SHARE)
    logs = tuple(
        log + _log_factor(champion, challenger, null, times) for log, (_, times) in zip(state.logs, _BETS, strict=True)
    )
    after = replace(state, logs=logs)
    return replace(after, most=max(state.most, after.log_e))


def shows_more_events(test: RareEventTest, state: RareEventState) -> bool:
    """Whether the evidence has ever been enough."""
    return state.most >= -math.log(test.alpha)


def _log_factor(champion: int, challenger: int, null: float, times: float) -> float:
    growth = 1 + null * (times - 1)
    return challenger * math.log(times) - (champion + challenger) * math.log(growth)
