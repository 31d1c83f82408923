"""The e-value of a window, checked by enumeration of all outcomes and against an optimiser."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.halfplane import (
    HalfPlane,
    log_e_value,
    log_e_value_against_figure,
    log_growth,
    with_odds_scaled,
)

NULLS = [
    HalfPlane(1.0, 0.0),
    HalfPlane(1.0, 0.01),
    HalfPlane(1.2, 0.0),
    HalfPlane(1.5, 0.02),
    HalfPlane(0.8, 0.05),
    HalfPlane(1.0, -0.05),
]
SHAPES = [(1, 1), (6, 2), (2, 6), (9, 1)]
ROUNDING = 1e-9


def divergence(rate, other):
    """Kullback-Leibler divergence of two Bernoulli rates."""
    return special.rel_entr(rate, other) + special.rel_entr(1 - rate, 1 - other)


def window(champion_total, champion_bad, challenger_total, challenger_bad):
    return Block(ArmCounts(champion_total, champion_bad), ArmCounts(challenger_total, challenger_bad))


def expectation(shape, null, alternative, truth):
    """E[S] over every outcome of the window, requests being independent with the rates `truth`."""
    champion_total, challenger_total = shape
    return math.fsum(
        stats.binom.pmf(x, champion_total, truth[0])
        * stats.binom.pmf(y, challenger_total, truth[1])
        * math.exp(log_e_value(window(champion_total, x, challenger_total, y), null, *alternative))
        for x, y in itertools.product(range(champion_total + 1), range(challenger_total + 1))
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("odds", [0.3, 0.9, 1.5, 9.0])
def test_no_window_is_expected_to_gain_under_the_null(shape, null, odds):
    for expected in (0.06, 0.2, 0.5):
        champion_rate = null.nearest(expected)
        alternative = (champion_rate, with_odds_scaled(null.allowed(champion_rate), odds))
        for true_champion in (0.06, 0.2, 0.5):
            limit = null.allowed(true_champion)
            if not 0 < limit < 1:
                continue
            allowed = (limit, 0.7 * limit) if odds > 1 else (limit, limit + 0.3 * (1 - limit))
            for true_challenger in allowed:
                truth = (true_champion, true_challenger)
                assert expectation(shape, null, alternative, truth) <= 1 + ROUNDING


def test_requests_of_unlike_risk_in_one_window_do_not_break_the_null():
    champion_risks, challenger_risks = (0.01, 0.4, 0.1), (0.3, 0.02)
    null = HalfPlane(1.0, sum(challenger_risks) / 2 - sum(champion_risks) / 3 + 1e-12)
    alternative = (0.15, 0.5)
    total = 0.0
    for outcome in itertools.product((0, 1), repeat=5):
        risks = champion_risks + challenger_risks
        probability = math.prod(p if bad else 1 - p for p, bad in zip(risks, outcome, strict=True))
        total += probability * math.exp(
            log_e_value(window(3, sum(outcome[:3]), 2, sum(outcome[3:])), null, *alternative)
        )
    assert total <= 1 + ROUNDING


@given(
    champion_rate=st.floats(1e-4, 0.3),
    odds=st.floats(1.2, 40.0) | st.floats(0.02, 0.8),
    champion_total=st.integers(1, 5000),
    challenger_total=st.integers(1, 5000),
    null=st.sampled_from([HalfPlane(1.0, 0.0), HalfPlane(1.0, 0.005), HalfPlane(1.0, 0.05), HalfPlane(1.2, 0.0)]),
)
def test_the_stake_grows_nearly_as_fast_as_the_exact_projection(
    champion_rate, odds, champion_total, challenger_total, null
):
    challenger_rate = with_odds_scaled(null.allowed(null.nearest(champion_rate)), odds)
    best = optimize.minimize_scalar(
        lambda a: (
            champion_total * divergence(champion_rate, a)
            + challenger_total * divergence(challenger_rate, null.allowed(a))
        ),
        bounds=(null.nearest(0), null.nearest(1)),
        method="bounded",
        options={"xatol": 1e-12},
    ).fun
    growth = log_growth(champion_total, challenger_total, null, champion_rate, challenger_rate)
    assert growth <= best * 1.001 + 1e-6
    # Two steps towards the projection are not enough beside a champion with next to no requests.
    least = 0.88 if 4 * champion_total >= challenger_total else 0.65
    if 20 * champion_total >= challenger_total:
        assert growth >= least * best - 1e-6


def test_against_a_figure_the_e_value_is_the_likelihood_ratio():
    ratio = stats.binom.logpmf(3, 20, 0.3) - stats.binom.logpmf(3, 20, 0.1)
    assert log_e_value_against_figure(20, 3, 0.1, 0.3) == pytest.approx(ratio)
    expected = math.fsum(
        stats.binom.pmf(x, 20, 0.1) * math.exp(log_e_value_against_figure(20, x, 0.1, 0.3)) for x in range(21)
    )
    assert expected == pytest.approx(1)


@given(rate=st.floats(1e-6, 1 - 1e-6), factor=st.floats(0.01, 100))
def test_scaled_odds_stay_a_rate(rate, factor):
    scaled = with_odds_scaled(rate, factor)
    assert 0 < scaled < 1
    assert scaled / (1 - scaled) == pytest.approx(factor * rate / (1 - rate), rel=1e-6)
