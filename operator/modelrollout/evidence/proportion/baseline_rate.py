"""The champion's rate of late, by which bets are made. It sharpens the stakes and is no evidence."""

from typing import NamedTuple

from modelrollout.evidence.counts import ArmCounts

# About its last hundred windows count, but never fewer requests than this.
MEMORY = 0.5 ** (1 / 60)
LEAST_MEMORY_REQUESTS = 2000.0
HISTORY_WEIGHT = 800.0
# Without a history the rate is a guess, and a bet on a wrong guess leaves a debt. So there is none before the champion
# has shown itself in some requests, but on a challenger that hardly works.
GUESSED_RATE = 0.01
GUESSED_REQUESTS = 20.0
LEAST_KNOWN_REQUESTS = 50.0


class BaselineRate(NamedTuple):
    """Requests and bad requests, decayed."""

    total: float = GUESSED_REQUESTS
    bad: float = GUESSED_REQUESTS * GUESSED_RATE

    @classmethod
    def of(cls, history: ArmCounts | None) -> "BaselineRate":
        """The rate in the time before the rollout; a guess if nothing is known."""
        if history is None or not history.total:
            return GUESS
        weight = min(HISTORY_WEIGHT, history.total + 1.0)
        return cls(weight, weight * (history.bad + 0.5) / (history.total + 1.0))

    @property
    def rate(self) -> float:
        return self.bad / self.total

    @property
    def is_known(self) -> bool:
        """Whether it rests on more than a guess."""
        return self.total >= LEAST_KNOWN_REQUESTS

    def after(self, window: ArmCounts) -> "BaselineRate":
        """The rate after one more window."""
        memory = MEMORY if self.total > LEAST_MEMORY_REQUESTS else 1.0
        return BaselineRate(self.total * memory + window.total, self.bad * memory + window.bad)


GUESS = BaselineRate()
