"""Does the traffic follow the weights? A check of the data, not of the model.

A split that differs from what the route says (a stale proxy, sticky clients, a wrong label) makes every
comparison doubtful. Two-sided: the mean of e-processes against "share is at most ..." and "share is at least
...", with a tolerance, since proxies round weights.
"""

import math
from dataclasses import dataclass

from modelrollout.evidence.eprocess import log_mean_exp
from modelrollout.evidence.halfplane import RATE_FLOOR, log_e_value_against_figure, with_odds_scaled

_DEVIATIONS = (1.2, 2.0)


@dataclass(frozen=True, slots=True)
class SampleRatioTest:
    """Tolerated deviation from the weight, relative and absolute (fractions), and the false-alarm rate."""

    relative: float = 0.1
    absolute: float = 0.002
    alpha: float = 0.001
    dispersion: float = 1.0


@dataclass(frozen=True, slots=True)
class SampleRatioState:
    """Log evidence for too much and for too little challenger traffic, by size of the deviation."""

    log_more: tuple[float, ...] = (0.0,) * len(_DEVIATIONS)
    log_less: tuple[float, ...] = (0.0,) * len(_DEVIATIONS)

    @property
    def log_e(self) -> float:
        """Present evidence that the split is not as declared."""
        return log_mean_exp(self.log_more + self.log_less)


def update_sample_ratio(
    test: SampleRatioTest, state: SampleRatioState, total: int, challenger: int, share: float
) -> SampleRatioState:
    """The state after one window with `total` requests, of which `challenger` went to the challenger.

    `share` (0..1) is the challenger's part by the weights in force during the whole window; leave out windows
    in which they changed or propagated.
    """
    slack = test.relative * share + test.absolute
    most, least = _rate(share + slack), _rate(share - slack)
    more = tuple(
        log + log_e_value_against_figure(total, challenger, most, with_odds_scaled(most, odds)) / test.dispersion
        for log, odds in zip(state.log_more, _DEVIATIONS, strict=True)
    )
    less = tuple(
        log + log_e_value_against_figure(total, challenger, least, with_odds_scaled(least, 1 / odds)) / test.dispersion
        for log, odds in zip(state.log_less, _DEVIATIONS, strict=True)
    )
    return SampleRatioState(more, less)


def is_mismatch(test: SampleRatioTest, state: SampleRatioState) -> bool:
    """Whether the evidence so far shows a split other than declared."""
    return state.log_e >= -math.log(test.alpha)


def _rate(share: float) -> float:
    return min(max(share, RATE_FLOOR), 1 - RATE_FLOOR)
