"""The declared rates on shapes of services, with a fixed seed and in seconds; the full study is `make bench`."""

from dataclasses import replace

import pytest

from tests.bench.life import Policy, live
from tests.bench.service import Episodes, Shape, Users

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
