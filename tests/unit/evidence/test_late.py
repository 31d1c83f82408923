"""Bad answers of more traffic than a window counts are no evidence, and no answer is waited for to be one."""

from itertools import product
from math import comb, exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence import ArmCounts, Block, ProportionTest
from modelrollout.evidence.halfplane import HalfPlane
from modelrollout.evidence.late import at_worst, hedged
from modelrollout.evidence.proportion.bets import regressed_rates
from modelrollout.evidence.proportion.step import window_log_e_values
from modelrollout.evidence.sequential import SETTLED, Settled

BOTH = 16


def chance(of: int, bad: int, rate: float) -> float:
    return comb(of, bad) * rate**bad * (1 - rate) ** (of - bad)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
@pytest.mark.parametrize(("most", "least"), [(0.5, 0.5), (0.25, 0.75), (0.75, 0.25)])
@pytest.mark.parametrize("now", [0, 1, 3])
def test_time_outs_of_more_traffic_are_expected_to_win_nothing(rate: float, most: float, least: float, now: int):
    """Every outcome of a window in which all bad answers are of the weights before, and all good ones of now."""
    test, null = ProportionTest(margin=0.2, tolerated=0.01, dispersion=1.0), HalfPlane(1.0, 0.01)
    settled, before = Settled(False, most, least), (round(least * BOTH), round(most * BOTH))
    expected = [0.0] * 6
    for champion, challenger in product(range(before[0] + 1), range(before[1] + 1)):
        likely = chance(before[0], champion, rate) * chance(before[1], challenger, rate + 0.01)
        good = BOTH - now - round(before[0] * rate), now
        counted = Block(ArmCounts(good[0] + champion, champion), ArmCounts(good[1] + challenger, challenger))
        window = at_worst(counted, settled)
        logs = window_log_e_values(test, window, null, rate, regressed_rates(null.allowed(rate)), 1.0)
        expected = [sum_ + likely * exp(log_e) for sum_, log_e in zip(expected, logs, strict=True)]
    assert max(expected) <= 1 + 1e-9


counts = st.integers(0, 50).flatmap(lambda total: st.builds(ArmCounts, st.just(total), st.integers(0, total)))
blocks = st.builds(Block, counts, counts)


@given(blocks, st.floats(0, 2), st.floats(0, 1))
def test_no_bad_answer_is_lost_and_only_the_challenger_gains_good_ones(block: Block, most: float, least: float):
    worst = at_worst(block, Settled(False, most, least))
    assert (worst.champion.bad, worst.challenger.bad) == (block.champion.bad, block.challenger.bad)
    assert worst.challenger.total >= block.challenger.total
    assert worst.champion.total <= block.champion.total


@given(blocks)
def test_where_no_weight_fell_a_window_is_what_it_counts(block: Block):
    assert at_worst(block, SETTLED) == block


@given(st.floats(-1e6, 1e3))
def test_a_hedge_takes_no_more_than_half_and_is_expected_to_win_nothing(log_e: float):
    assert hedged(log_e) >= -log(2)
    if log_e < 100:
        assert exp(hedged(log_e)) == pytest.approx((1 + exp(log_e)) / 2)
