import json
import math
import random
from dataclasses import replace

import pytest

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


def test_a_constant_metric_is_no_evidence():
    state = MeanState()
    for _ in range(50):
        state = update_mean(TEST, state, ArmSum(30, 30), ArmSum(30, 30))
    assert judge_mean(TEST, state).verdict is Verdict.UNDECIDED
    assert judge_mean(TEST, state).requests_needed == math.inf


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
