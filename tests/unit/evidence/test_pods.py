import math

import numpy as np
import pytest

from modelrollout.evidence import ArmCounts, Block, ProportionTest, Verdict, judge, start
from modelrollout.evidence.pods import MOST_OF_MARGIN, pod_spread, pod_tolerance
from modelrollout.evidence.proportion import update


def pods(rates, requests=100_000):
    return [ArmCounts(requests, round(rate * requests)) for rate in rates]


def test_the_spread_is_the_variation_of_the_pods_rates_beyond_chance():
    rng = np.random.default_rng(5)
    found = []
    for _ in range(200):
        rates = 0.005 * rng.gamma(1 / 0.09, 0.09, 4)
        found.append(pod_spread([ArmCounts(90_000, int(bad)) for bad in rng.binomial(90_000, rates)], 1.0) ** 2)
    assert math.sqrt(np.mean(found)) == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(
    "alike", [[], pods([0.005]), pods([0.005, 0.005]), pods([0.005, 0.0052]), [ArmCounts(100, 1), ArmCounts(100, 3)]]
)
def test_pods_that_differ_by_no_more_than_chance_have_no_spread(alike):
    assert pod_spread(alike, dispersion=1.5) == 0.0


def test_what_pods_explain_grows_with_their_spread_and_falls_with_their_number():
    assert pod_tolerance(0.3, 0.005, (3, 1), 0.05) == pytest.approx(2.6 * 0.3 * 0.005 * math.sqrt(1 + 1 / 3))
    assert pod_tolerance(0.3, 0.005, (3, 3), 0.05) < pod_tolerance(0.3, 0.005, (3, 1), 0.05)
    assert pod_tolerance(5.0, 0.005, (1, 1), 0.005) == pytest.approx(MOST_OF_MARGIN * 0.005)


@pytest.mark.parametrize(("spread", "known"), [(0.0, (3, 3)), (0.3, (0, 3)), (0.3, (3, 0))])
def test_nothing_is_put_down_to_pods_that_are_alike_or_not_known(spread, known):
    assert pod_tolerance(spread, 0.005, known, 0.005) == 0.0


@pytest.mark.parametrize(("spread", "fails"), [(0.0, True), (0.3, False)])
def test_a_difference_that_pods_explain_rolls_nothing_back(spread, fails):
    test = ProportionTest(margin=0.005, dispersion=1.0, pod_spread=spread)
    state = start(test, ArmCounts(300_000, 1500))
    for _ in range(250):
        state = update(test, state, Block(ArmCounts(1000, 5), ArmCounts(1000, 8)), pods=(2, 1))
    assert (judge(test, state).verdict is Verdict.FAIL) is fails
