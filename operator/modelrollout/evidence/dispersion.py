"""How bursty a service fails, measured on the champion alone.

Tests that take requests for independent raise false alarms where failures come in bursts (retries, one
client, a bad second of a pod). Pods of one version that share the same windows show by how much: given that N
requests of a window had X bad ones, independent failures would spread over the pods hypergeometrically. The
dispersion is the ratio of the observed squared deviations to those expected, summed over windows. Incidents
that hit all pods alike cancel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.proportion.question import UNMEASURED_DISPERSION

_LONGER_SCALES = (3, 12)
# Bad requests from which on the history speaks for itself; with fewer it counts in part, with none not at all.
_ENOUGH_BAD = 30
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class Dispersion:
    """An estimate with its standard error and the number of bad requests that it rests on.

    `one_more` is what another burst as large as the largest seen would add: where burst sizes have a heavy tail, a
    history that happens to lack large ones has a small standard error too.
    """

    estimate: float
    standard_error: float
    one_more: float
    bad: int

    @property
    def upper(self) -> float:
        """The figure to test with, at least 1: cautious where little is known."""
        unknown = max(0.0, 1 - self.bad / _ENOUGH_BAD)
        least = 1 + unknown * (UNMEASURED_DISPERSION - 1)
        return max(least, self.estimate + _STANDARD_ERRORS * self.standard_error + self.one_more)


def estimate_dispersion(windows: Sequence[Sequence[ArmCounts]]) -> Dispersion:
    """The dispersion over windows that each hold the counts of the champion's pods, in the same order.

    With one pod only, give neighbouring windows in pairs in place of pods. Bursts may last longer than a window:
    an estimate over 3 or 12 windows merged takes the place of a shorter one where it is clearly larger. 200 windows
    or more make a useful estimate, an hour of them a good one.
    """
    found = _at_scale(windows)
    for scale in _LONGER_SCALES:
        longer = _at_scale(_merged(windows, scale))
        if longer.estimate - _STANDARD_ERRORS * longer.standard_error > found.estimate:
            found = longer
    return found


def _at_scale(windows: Sequence[Sequence[ArmCounts]]) -> Dispersion:
    pairs = [pair for window in windows if (pair := _squares(window))[1] > 0]
    bad = sum(pod.bad for window in windows for pod in window)
    expected = math.fsum(pair[1] for pair in pairs)
    if not expected:
        return Dispersion(1.0, 0.0, 0.0, 0)
    estimate = math.fsum(pair[0] for pair in pairs) / expected
    spread = math.fsum((pair[0] - estimate * pair[1]) ** 2 for pair in pairs)
    largest = max(pair[0] for pair in pairs)
    return Dispersion(estimate, math.sqrt(spread) / expected, largest / expected, bad)


def _squares(pods: Sequence[ArmCounts]) -> tuple[float, float]:
    """Observed and expected sum of squared deviations of the pods' bad counts in one window."""
    total = sum(pod.total for pod in pods)
    bad = sum(pod.bad for pod in pods)
    if total < 2:
        return 0.0, 0.0
    observed = math.fsum((pod.bad - pod.total * bad / total) ** 2 for pod in pods)
    spread = math.fsum(pod.total * (total - pod.total) for pod in pods) / total**2
    return observed, spread * bad * (total - bad) / (total - 1)


def _merged(windows: Sequence[Sequence[ArmCounts]], scale: int) -> list[list[ArmCounts]]:
    merged = []
    for first in range(0, len(windows) - scale + 1, scale):
        group = windows[first : first + scale]
        merged.append([sum(pod[1:], pod[0]) for pod in zip(*group, strict=True)])
    return merged
