"""What is asked of a share of bad requests."""

import math
from dataclasses import dataclass

UNMEASURED_DISPERSION = 2.0
# Where failures come in bursts, a lone minute proves little: so many must agree. See `agreement_cap`.
AGREEING_MINUTES = 2
AGREEING_MINUTES_IF_BURSTY = 3


@dataclass(frozen=True, slots=True)
class ProportionQuestion:
    """The two null hypotheses and what the test allows for; fixed for a rollout, except what is measured anew.

    ratio, tolerated: no rollback as long as challenger <= ratio * champion + tolerated.
    ratio, margin: no promotion as long as challenger >= ratio * champion + margin; a negative margin asks for better.
    alpha, beta: highest probability of a false rollback and of a false promotion over the whole rollout.
    horizon: windows over which the onset of a regression is watched for (Shiryaev-Roberts); later ones still count, but
        are not taken for an onset of their own.
    dispersion: how much more the bad counts vary than those of independent requests (`estimate_dispersion`).
    figure: a fixed rate to compare with in place of a concurrent champion.
    pod_spread: how much the pods of one version differ for good (`pods.pod_spread`); what that explains is tolerated.
    windows_per_minute: scrape windows that make a minute, for which the evidence is capped (`caps`).
    """

    margin: float
    tolerated: float = 0.0
    ratio: float = 1.0
    alpha: float = 0.01
    beta: float = 0.01
    horizon: int = 720
    dispersion: float = UNMEASURED_DISPERSION
    figure: float | None = None
    pod_spread: float = 0.0
    windows_per_minute: int = 4

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.beta < 1):
            raise ValueError("alpha and beta must lie between 0 and 1")
        if not 0.1 <= self.ratio <= 10:
            raise ValueError("ratio must lie between 0.1 and 10")
        if not (-1 < self.tolerated < 1 and -1 < self.margin < 1):
            raise ValueError("tolerated and margin must lie between -1 and 1")
        if self.horizon < 1 or self.dispersion < 1 or self.windows_per_minute < 1:
            raise ValueError("horizon, dispersion and windows_per_minute must be at least 1")
        if self.figure is not None and not 0 <= self.figure <= 1:
            raise ValueError("figure must lie between 0 and 1")


def agreement_cap(question: ProportionQuestion, error: float) -> float:
    """Most that one minute may add to the log evidence, so that several must agree before anything is decided.

    error: the error rate that is to be proven.
    """
    minutes = AGREEING_MINUTES if question.dispersion <= UNMEASURED_DISPERSION else AGREEING_MINUTES_IF_BURSTY
    return -math.log(error) / minutes
