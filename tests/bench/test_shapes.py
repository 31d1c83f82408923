"""The declared rates on shapes of services, with a fixed seed and in seconds; the full study is `make bench`."""

from dataclasses import replace

import numpy as np
import pytest

from modelrollout.evidence.sample_ratio import SampleRatioState, SampleRatioTest, is_mismatch, update_sample_ratio
from tests.bench.life import Policy, live
from tests.bench.service import LEVELS, Episodes, Service, Shape, Users
from tests.bench.swings import false_rollbacks

ROLLOUTS = 40
SHORT = Policy(hours=0.5, watch=900.0)


@pytest.mark.parametrize(
    "shape",
    [
        Shape("late", late=60.0),
        Shape("incidents", shared=Episodes(2.0, 60.0, 0.1), offset=10.0),
        Shape("gateway follows late", takes_over=15.0),
    ],
    ids=lambda shape: shape.name,
)
def test_an_equal_challenger_is_rolled_back_hardly_ever_and_one_at_the_margin_hardly_ever_promoted(shape):
    assert live(shape, SHORT, ROLLOUTS, seed=3).false_rollbacks <= 1
    assert live(shape, replace(SHORT, watch=15.0), ROLLOUTS, seed=4, excess=0.005).promotions <= 1


def test_without_waiting_for_late_answers_a_challenger_at_the_margin_is_promoted():
    hasty = replace(SHORT, settle=0.0, watch=15.0)
    assert live(Shape("late", late=60.0), hasty, ROLLOUTS, seed=4, excess=0.005).promotions > ROLLOUTS / 4


def test_a_gross_failure_is_rolled_back_in_every_life():
    lives = live(Shape("plain"), SHORT, ROLLOUTS, seed=5, excess=0.3)
    assert lives.false_rollbacks == ROLLOUTS
    assert lives.bad.mean() < 100


def test_the_same_seed_is_the_same_traffic():
    shape = Shape("users", users=Users(200, 0.1, 19.9, tail=1.5), burst=2.0)
    assert live(shape, SHORT, 5, seed=6).bad.tolist() == live(shape, SHORT, 5, seed=6).bad.tolist()


@pytest.mark.parametrize("late", [20.0, 60.0])
def test_time_outs_after_a_fall_of_the_weight_roll_nothing_back_and_would_if_they_were_taken_for_prompt(late):
    assert false_rollbacks(late, ROLLOUTS, 5.0, seed=7) <= 1
    assert false_rollbacks(late, ROLLOUTS, 5.0, seed=7, waits=False) > ROLLOUTS / 2


def test_a_gross_failure_by_time_out_is_rolled_back_although_its_weight_was_taken_first():
    half = Policy(interval=5.0, hours=0.2, watch=0.0, fixed=6)
    lives = live(Shape("late", late=20.0), half, ROLLOUTS, seed=8, excess=0.5, onset=120.0)
    assert (lives.retreats > 0).all()
    assert max(lives.rolled_back) <= 120.0 + 60.0


@pytest.mark.parametrize(("tail", "least", "most"), [(1.5, 0.25, 1.0), (float("inf"), 0.0, 0.0)])
def test_heavy_sticky_users_show_as_traffic_that_does_not_follow_the_weights(tail, least, most):
    service = Service(Shape("users", users=Users(2000, 0.1, 19.9, tail)), ROLLOUTS, np.random.default_rng(9))
    level, test = np.full(ROLLOUTS, LEVELS.index(0.1)), SampleRatioTest()
    counts = sum(service.tick(level) for _ in range(120)).sum(axis=2)
    states = [
        update_sample_ratio(test, SampleRatioState(), int(champion + challenger), int(challenger), 0.1)
        for champion, challenger in zip(*counts[:, 0], strict=True)
    ]
    assert least <= np.mean([is_mismatch(test, state) for state in states]) <= most
