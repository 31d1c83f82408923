"""Late answers while the weight swings: a challenger that is just acceptable, and what its time-outs look like then."""

from itertools import cycle, islice

import numpy as np

from modelrollout.evidence import ProportionTest
from modelrollout.rollout.late_answers import LateAnswers, awaited_windows, follow_weights
from tests.bench.rows import settled_rows
from tests.bench.service import LEVELS, TICK, Service, Shape
from tests.bench.vectorised import VectorisedTest, Windows

TIMEOUT = 60.0
RATE, TOLERATED = 0.005, 0.001
# Weights in per cent, and the seconds that each is kept.
SWINGS = ((50, 120), (1, 60), (50, 90), (10, 30), (2, 120), (25, 45))


def false_rollbacks(late: float, rollouts: int, interval: float, seed: int, waits: bool = True) -> int:
    """Of so many rollouts in an hour of swings, at the largest rate that is tolerated.

    late: seconds after which a failure is counted. waits: whether what the weights were counts, as the operator has it.
    """
    rng = np.random.default_rng(seed)
    service = Service(Shape("swings", rate=RATE, late=late), rollouts, rng, excess=TOLERATED)
    test = ProportionTest(
        margin=5 * TOLERATED,
        tolerated=TOLERATED,
        dispersion=1.0,
        horizon=round(3600 / interval),
        windows_per_minute=round(60 / interval),
    )
    gate = VectorisedTest(test, np.full(rollouts, 360_000), rng.binomial(360_000, RATE, rollouts))
    changes, awaited = None, awaited_windows(TIMEOUT, interval)
    for window, weight in enumerate(_weights(interval)):
        changes = follow_weights(changes, (100 - weight, weight), accepted=True, present_window=window, awaited=awaited)
        settled = LateAnswers(changes, awaited, interval).settled(window)
        level = np.full(rollouts, LEVELS.index(weight / 100))
        counts = sum(service.tick(level) for _ in range(round(interval / TICK))).sum(axis=2)
        rows = settled_rows(rollouts, *settled) if waits else None
        gate.update(Windows(*np.concatenate(counts).astype(int)), rows)
    return int(gate.failed.sum())


def _weights(interval: float) -> list[int]:
    """An hour, by window."""
    by_window = (weight for weight, seconds in cycle(SWINGS) for _ in range(round(seconds / interval)))
    return list(islice(by_window, round(3600 / interval)))
