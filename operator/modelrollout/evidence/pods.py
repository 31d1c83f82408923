"""Lasting differences between pods of one version, which a few pods of another version may have too.

The null hypotheses speak of the arms' true rates. Where the pods of one version differ for good (their nodes, their
neighbours, what their connections are about), the arms' rates differ although the versions do not, by a standard
deviation of spread * rate * sqrt(1/K_a + 1/K_b) with K_a and K_b pods.
"""

import math
from collections.abc import Sequence

from modelrollout.evidence.counts import ArmCounts

# Standard deviations of the difference of two arms' pods that are put down to the pods.
TOLERATED_DEVIATIONS = 2.6
# The most of a margin that is, so that something is left to find.
MOST_OF_MARGIN = 0.8
_LEAST_BAD_PER_POD = 5


def pod_spread(pods: Sequence[ArmCounts], dispersion: float) -> float:
    """Coefficient of variation of the pods' own rates over a time, beyond what chance and bursts give; 0 if unknown.

    The method of moments: the variance between the pods' observed rates without that of their counts.
    """
    counted = [pod for pod in pods if pod.total]
    total, bad = sum(pod.total for pod in counted), sum(pod.bad for pod in counted)
    if len(counted) < 2 or bad < _LEAST_BAD_PER_POD * len(counted):
        return 0.0
    rate = bad / total
    between = math.fsum(pod.total * (pod.bad / pod.total - rate) ** 2 for pod in counted) / (len(counted) - 1)
    own = between - dispersion * rate * (1 - rate)
    return math.sqrt(max(0.0, own) * len(counted) / total) / rate


def pod_tolerance(spread: float, rate: float, pods: tuple[int, int], margin: float) -> float:
    """How much more of the challenger's answers may be bad for no other reason than its pods, as a fraction.

    rate: of the champion. pods: of both arms, as known before the window; none is tolerated where they are not.
    """
    if not spread or not min(pods):
        return 0.0
    deviation = spread * rate * math.sqrt(1 / pods[0] + 1 / pods[1])
    return min(TOLERATED_DEVIATIONS * deviation, MOST_OF_MARGIN * max(0.0, margin))
