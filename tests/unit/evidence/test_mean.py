import json
import math
import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.mean import ArmSum, MeanState, MeanTest, judge_mean, update_mean
from modelrollout.evidence.verdict import Guarantee, Verdict

TEST = MeanTest(margin=0.3)


def after(gap, windows=200, seed=0, test=TEST, onset=0, scale=1.0):
    rng = random.Random(seed)
    state = MeanState()
    for at in range(windows):
        champion = math.fsum(rng.expovariate(1) for _ in range(40))
        challenger = math.fsum(rng.expovariate(1) for _ in range(20)) + 20 * (gap if at >= onset else 0)
        state = update_mean(test, state, ArmSum(40, scale * champion), ArmSum(20, scale * challenger))
    return state


@pytest.mark.parametrize(
    ("gap", "onset", "verdict"),
    [(0.0, 0, Verdict.PASS), (0.5, 0, Verdict.FAIL), (1.0, 150, Verdict.FAIL), (-0.5, 0, Verdict.PASS)],
)
def test_means_are_judged_by_their_difference(gap, onset, verdict):
    judgement = judge_mean(TEST, after(gap, onset=onset))
    assert judgement.verdict is verdict
    assert judgement.guarantee is Guarantee.ASYMPTOTIC


def test_the_verdict_does_not_depend_on_the_unit_of_the_metric():
    cents = MeanTest(margin=30)
    assert judge_mean(cents, after(0.1, test=cents, scale=100)).log_e_promotion == pytest.approx(
        judge_mean(TEST, after(0.1)).log_e_promotion
    )


def test_a_ratio_allows_a_proportional_excess():
    lenient = MeanTest(margin=0.3, ratio=1.5)
    assert judge_mean(lenient, after(0.4, test=lenient)).verdict is Verdict.PASS


def test_the_first_windows_only_teach_the_scale():
    judgement = judge_mean(TEST, after(5.0, windows=30))
    assert judgement.log_e_rollback <= 0
    assert judgement.log_e_promotion == 0
    assert judgement.requests_needed > judgement.requests_seen


def test_thin_windows_are_merged():
    apart = update_mean(TEST, update_mean(TEST, MeanState(), ArmSum(40, 40), ArmSum(2, 2)), ArmSum(), ArmSum(18, 18))
    assert apart == update_mean(TEST, MeanState(), ArmSum(40, 40), ArmSum(20, 20))


@pytest.mark.parametrize("windows", [0, 1, 50])
def test_a_mean_that_has_not_varied_is_no_evidence(windows):
    state = MeanState()
    for _ in range(windows):
        state = update_mean(TEST, state, ArmSum(30, 30), ArmSum(30, 30))
    judgement = judge_mean(TEST, state)
    assert judgement.verdict is Verdict.UNDECIDED
    assert judgement.requests_needed == math.inf
    assert judgement.message.startswith("undecided: there are too few windows yet to tell how much the mean varies")


sums = st.builds(ArmSum, st.integers(20, 100), st.floats(-100, 100))


@given(st.lists(st.tuples(sums, sums), max_size=60))
def test_higher_is_better_is_lower_is_better_of_what_is_lost(windows):
    high, low = MeanTest(margin=0.3, tolerated=0.1, higher_is_better=True), MeanTest(margin=0.3, tolerated=0.1)
    gained, lost = MeanState(), MeanState()
    for champion, challenger in windows:
        gained = update_mean(high, gained, champion, challenger)
        lost = update_mean(low, lost, *(ArmSum(arm.count, -arm.total) for arm in (champion, challenger)))
    assert judge_mean(high, gained).log_e_rollback == judge_mean(low, lost).log_e_rollback
    assert judge_mean(high, gained).log_e_promotion == judge_mean(low, lost).log_e_promotion
    assert judge_mean(high, gained).requests_needed == judge_mean(low, lost).requests_needed


def test_a_lower_mean_fails_where_higher_is_better():
    high = MeanTest(margin=0.3, higher_is_better=True)
    judgement = judge_mean(high, after(-0.5, test=high), "baseline")
    assert judgement.verdict is Verdict.FAIL
    assert re.fullmatch(r"failed: mean 0\.\d+ of the challenger, \d\.\d+ of the baseline", judgement.message)


def test_a_margin_below_nothing_is_never_met_by_an_equal_challenger():
    better = MeanTest(margin=-0.2)
    assert judge_mean(better, after(0.0, test=better)).requests_needed == math.inf
    assert judge_mean(better, after(-0.6, test=better)).verdict is Verdict.PASS


def test_a_checkpoint_is_small_and_exact():
    state = replace(after(0.1, windows=40), pending_champion=ArmSum(3, 0.1))
    text = json.dumps(state.to_dict())
    assert len(text) < 1024
    assert MeanState.from_dict(json.loads(text)) == state


@pytest.mark.parametrize("total", [math.nan, math.inf])
def test_a_sum_that_is_no_number_is_refused(total):
    with pytest.raises(ValueError, match="finite"):
        update_mean(TEST, MeanState(), ArmSum(10, total), ArmSum(10, 1.0))
