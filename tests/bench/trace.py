"""One and the same traffic for every judge, whatever weights it sets.

Each request has a fixed place in 0..1 and goes to the challenger while the weight exceeds it, and both outcomes it
would have are drawn beforehand. So two tools that decide alike serve exactly the same bad answers.
"""

from dataclasses import dataclass

import numpy as np

from tests.bench.traffic import WINDOW_SECONDS, Scenario

Array = np.ndarray

# Weights that any tool here may set; 0 and 1 are "rolled back" and "promoted".
LEVELS = (0.0, 0.01, 0.02, 0.05, 0.10, 0.25, 0.50, 1.0)
OFF, FULL = 0, len(LEVELS) - 1


@dataclass(frozen=True)
class Trace:
    """What the challenger has, had it the weight LEVELS[i]; arrays of shape (windows, rollouts, levels)."""

    total: Array
    champion_bad: Array
    challenger_bad: Array
    gaps: Array

    @property
    def windows(self) -> int:
        return self.total.shape[0]

    @property
    def rollouts(self) -> int:
        return self.total.shape[1]

    def counts(self, window: int, level: Array) -> Array:
        """Champion total and bad, challenger total and bad of every rollout at its level."""
        rows = np.arange(self.rollouts)
        challenger = self.total[window, rows, level]
        saved = self.champion_bad[window, rows, level]
        return np.array(
            [
                self.total[window, :, FULL] - challenger,
                self.champion_bad[window, :, FULL] - saved,
                challenger,
                self.challenger_bad[window, rows, level],
            ],
            dtype=np.int64,
        )

    def excess_after(self, window: int) -> Array:
        """Expected excess bad answers from `window` to the end, were the challenger to serve everything."""
        return (self.total[window:, :, FULL] * self.gaps[window:, None]).sum(axis=0)


def record(scenario: Scenario, rollouts: int, windows: int, seed: int) -> Trace:
    """Draw the traffic of a scenario."""
    rng = np.random.default_rng(seed)
    widths = np.diff(LEVELS)
    shape = (windows, rollouts, len(LEVELS))
    total, champion, challenger = (np.zeros(shape, np.int32) for _ in range(3))
    for window in range(windows):
        mean = scenario.requests_per_second * scenario.load(window) * WINDOW_SECONDS
        requests = rng.poisson(mean * widths, (rollouts, len(widths)))
        rate = scenario.rate + scenario.shock(window)
        total[window, :, 1:] = requests.cumsum(axis=1)
        champion[window, :, 1:] = scenario.law(rng, requests, rate).cumsum(axis=1)
        challenger[window, :, 1:] = scenario.law(rng, requests, rate + scenario.gap(window)).cumsum(axis=1)
    gaps = np.array([scenario.gap(window) for window in range(windows)])
    return Trace(total, champion, challenger, gaps)
