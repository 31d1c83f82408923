"""The fast simulation is the engine: same states after the same windows."""

import numpy as np
import pytest

from modelrollout.evidence import ArmCounts, Block, ProportionTest, start, update
from modelrollout.evidence.dispersion import estimate_dispersion
from modelrollout.evidence.proportion import gap_bound, log_e_rollback
from modelrollout.evidence.sequential import Settled
from tests.bench.vdispersion import upper_dispersion
from tests.bench.vectorised import VectorisedTest, Windows

ROLLOUTS = 20


@pytest.mark.parametrize(
    "test",
    [
        ProportionTest(margin=0.005),
        ProportionTest(margin=0.005, dispersion=1.0),
        ProportionTest(margin=0.02, tolerated=0.001, ratio=1.2, dispersion=5.0, horizon=10),
        ProportionTest(margin=-0.002, dispersion=1.0),
        ProportionTest(margin=0.01, figure=0.02),
    ],
)
@pytest.mark.parametrize("history", [ArmCounts(3000, 15), ArmCounts()])
def test_rollouts_side_by_side_are_those_one_by_one(test, history):
    rng = np.random.default_rng(0)
    together = VectorisedTest(test, np.full(ROLLOUTS, history.total), np.full(ROLLOUTS, history.bad), ladder=True)
    apart = [start(test, history) for _ in range(ROLLOUTS)]
    for window in range(40):
        champion, challenger = rng.poisson(20, ROLLOUTS), rng.poisson(2, ROLLOUTS)
        counts = np.array(
            [
                champion,
                rng.binomial(champion, 0.02),
                challenger,
                rng.binomial(challenger, 0.5 if window == 20 else 0.1),
            ]
        )
        settled = Settled(window % 7 != 2, *((0.0, 1.0) if window % 11 else (0.4, 0.3)))
        together.update(Windows(*counts), np.array(settled)[:, None])
        apart = [
            update(test, state, Block.from_list(one), settled)
            for state, one in zip(apart, counts.T.tolist(), strict=True)
        ]
    assert together.log_e_rollback == pytest.approx([log_e_rollback(test, state) for state in apart])
    assert together.best_promotion == pytest.approx([state.best_promotion for state in apart])
    assert together.gap_bound.tolist() == [gap_bound(test, state) for state in apart]


def test_dispersions_side_by_side_are_those_one_by_one():
    rng = np.random.default_rng(1)
    totals = rng.poisson(30, (5, 100, 3))
    totals[4] = 0
    bad = np.minimum(totals, rng.poisson(0.3, totals.shape) * rng.integers(1, 5, totals.shape))
    bad[3] = 0
    apart = [
        estimate_dispersion([[ArmCounts(n, x) for n, x in zip(*pods, strict=True)] for pods in zip(n, x, strict=True)])
        for n, x in zip(totals.tolist(), bad.tolist(), strict=True)
    ]
    assert upper_dispersion(totals, bad) == pytest.approx([found.upper for found in apart])
