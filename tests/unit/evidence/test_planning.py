import math
from functools import reduce

import numpy as np
import pytest

from modelrollout.evidence import ArmCounts, Block, ProportionTest, Verdict, judge, start, update
from modelrollout.evidence.planning import (
    Effort,
    Stage,
    crossing_probability,
    forecast,
    promotion_effort,
    rollback_effort,
)

TEST = ProportionTest(margin=0.02, dispersion=1.0, windows_per_minute=6)
CHAMPION = 0.05


def simulated_median(challenger_rate, verdict, rollouts=40, windows=400):
    """Challenger requests until the verdict in half of the rollouts, at equal shares of 200 requests a window."""
    rng = np.random.default_rng(7)
    needed = []
    for _ in range(rollouts):
        state = start(TEST, ArmCounts(20_000, 1000))
        for window in range(1, windows + 1):
            champion, challenger = rng.binomial(100, [CHAMPION, challenger_rate]).tolist()
            state = update(TEST, state, Block(ArmCounts(100, champion), ArmCounts(100, challenger)))
            if judge(TEST, state).verdict is verdict:
                needed.append(100 * window)
                break
        else:
            needed.append(math.inf)
    return float(np.median(needed))


@pytest.mark.parametrize(
    ("challenger_rate", "verdict", "effort"),
    [
        (0.10, Verdict.FAIL, rollback_effort(TEST, CHAMPION, 0.10, 0.5)),
        (0.05, Verdict.PASS, promotion_effort(TEST, CHAMPION, 0.5)),
    ],
)
def test_the_time_foreseen_is_about_the_time_taken(challenger_rate, verdict, effort):
    foreseen = forecast([Stage(0.5, 10_000, 20.0)], [effort])
    assert foreseen.median_seconds * 10 == pytest.approx(simulated_median(challenger_rate, verdict), rel=0.3)
    assert foreseen.probability == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "effort",
    [
        rollback_effort(TEST, CHAMPION, 0.05, 0.1),
        promotion_effort(TEST, CHAMPION, 0.1, challenger_rate=0.08),
        promotion_effort(ProportionTest(margin=-0.01), CHAMPION, 0.1),
    ],
)
def test_what_cannot_be_shown_takes_forever(effort):
    assert effort.requests == math.inf
    assert forecast([Stage(0.1, 3600, 100)], [effort]).probability == 0
    assert forecast([Stage(0.1, 3600, 100)], [effort]).median_seconds == math.inf


def test_low_traffic_is_told_to_be_out_of_reach():
    strict = ProportionTest(margin=0.002, dispersion=1.0)
    stages = [Stage(0.05, 1800, 1.0), Stage(0.5, 1800, 1.0)]
    foreseen = forecast(stages, [promotion_effort(strict, 0.01, stage.share) for stage in stages])
    assert foreseen.probability < 0.01
    assert foreseen.median_seconds == math.inf


def test_bursts_cost_time_in_proportion():
    def requests(dispersion):
        return rollback_effort(ProportionTest(margin=0.02, dispersion=dispersion), 0.01, 0.02, 0.5).requests

    assert requests(3.0) == pytest.approx(3 * requests(1.0))


def test_the_chance_of_a_decision_is_that_of_a_random_walk():
    rng = np.random.default_rng(1)
    level, drift, steps = 4.6, 5.0, 2000
    walks = rng.normal(drift / steps, math.sqrt(2 * drift / steps), (4000, steps)).cumsum(axis=1)
    crossed = (walks.max(axis=1) >= level).mean()
    assert crossing_probability(drift, level) == pytest.approx(crossed, abs=0.03)


def test_effort_is_level_over_growth():
    assert Effort(growth=0.01, level=5.0).requests == 500


def test_progress_never_foresees_less_than_what_was_seen():
    windows = [Block(ArmCounts(100, 5), ArmCounts(100, 9))] * 30
    judgement = judge(TEST, reduce(lambda s, w: update(TEST, s, w), windows, start(TEST)))
    assert judgement.requests_needed > judgement.requests_seen
