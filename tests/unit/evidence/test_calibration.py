"""The declared error rates hold on seeded traffic; the full study is in tests/bench."""

import math

import numpy as np
import pytest

from modelrollout.evidence import ArmCounts, Block, ProportionTest, Verdict, judge, start, update
from modelrollout.evidence.dispersion import estimate_dispersion

ROLLOUTS, WINDOWS = 100, 80
RATE, MARGIN = 0.02, 0.02
# Ten times the rates usually declared, so that a violation would show in so few rollouts.
DECLARED = 0.1


def bad_counts(rng, totals, rate, burst):
    if burst == 1:
        return rng.binomial(totals, rate)
    starts = rng.poisson(np.asarray(totals) * rate / burst)
    return np.minimum(totals, starts + rng.negative_binomial(np.maximum(starts, 1), 1 / burst) * (starts > 0))


def measured_dispersion(rng, burst):
    history = bad_counts(rng, np.full((240, 3), 60), RATE, burst)
    return estimate_dispersion([[ArmCounts(60, bad) for bad in window] for window in history.tolist()]).upper


def decided(verdict, excess, burst, shocked=False):
    """How many rollouts ever reach the verdict, looking after each window."""
    rng = np.random.default_rng(11)
    count = 0
    for _ in range(ROLLOUTS):
        test = ProportionTest(
            margin=MARGIN, alpha=DECLARED, beta=DECLARED, horizon=WINDOWS, dispersion=measured_dispersion(rng, burst)
        )
        state = start(test, ArmCounts(5000, 100))
        for window in range(WINDOWS):
            rate = RATE + (0.2 if shocked and 30 <= window < 50 else 0.0)
            totals = rng.poisson([150, 50]).tolist()
            champion, challenger = (
                int(bad_counts(rng, total, risk, burst))
                for total, risk in zip(totals, (rate, rate + excess), strict=True)
            )
            state = update(test, state, Block(ArmCounts(totals[0], champion), ArmCounts(totals[1], challenger)))
            if judge(test, state).verdict is verdict:
                count += 1
                break
    return count


def most_expected(rollouts=ROLLOUTS, rate=DECLARED):
    """Declared rate plus three standard errors."""
    return rollouts * rate + 3 * math.sqrt(rollouts * rate * (1 - rate))


@pytest.mark.parametrize(
    ("burst", "shocked"), [(1, False), (1, True), (3, False)], ids=["independent", "shared shock", "bursty"]
)
def test_an_equal_challenger_is_rolled_back_no_more_often_than_declared(burst, shocked):
    assert decided(Verdict.FAIL, 0.0, burst, shocked) <= most_expected()


@pytest.mark.parametrize("burst", [1, 3])
def test_a_challenger_at_the_margin_is_promoted_no_more_often_than_declared(burst):
    assert decided(Verdict.PASS, MARGIN, burst) <= most_expected()


def test_a_regression_is_found_in_nearly_every_rollout():
    assert decided(Verdict.FAIL, 0.08, 1) >= 0.98 * ROLLOUTS
