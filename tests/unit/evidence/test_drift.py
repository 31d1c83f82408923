import itertools
import json
import math
import random

import pytest
from scipy import stats

from modelrollout.evidence.drift import (
    DriftState,
    DriftTest,
    judge_drift,
    population_stability_index,
    start_drift,
    update_drift,
)
from modelrollout.evidence.verdict import Verdict

EQUAL = [0.25, 0.25, 0.25, 0.25]
MOVED = [0.15, 0.25, 0.25, 0.35]


def counts(rng, rates, requests):
    drawn = rng.choices(range(len(rates)), rates, k=requests)
    return [drawn.count(bucket) for bucket in range(len(rates))]


def after(test, challenger_rates, windows=100, seed=0):
    rng = random.Random(seed)
    state = start_drift(test)
    for _ in range(windows):
        state = update_drift(test, state, counts(rng, EQUAL, 100), counts(rng, challenger_rates, 50))
    return state


@pytest.mark.parametrize(
    ("tolerated", "rates", "verdict"),
    [
        (0.0, EQUAL, Verdict.PASS),
        (0.0, MOVED, Verdict.FAIL),
        (0.02, MOVED, Verdict.FAIL),
        (0.15, MOVED, Verdict.UNDECIDED),
    ],
)
def test_drift_beyond_the_tolerance_fails_and_equality_passes(tolerated, rates, verdict):
    test = DriftTest(buckets=4, margin=0.1, tolerated=tolerated)
    assert judge_drift(test, after(test, rates), "abcd").verdict is verdict


def outcomes(requests):
    """All counts over three buckets."""
    for first, second in itertools.product(range(requests + 1), repeat=2):
        if first + second <= requests:
            yield first, second, requests - first - second


@pytest.mark.parametrize(
    ("tolerated", "champion_rates", "challenger_rates"),
    [
        (0.0, (0.5, 0.3, 0.2), (0.5, 0.3, 0.2)),
        (0.1, (0.5, 0.3, 0.2), (0.4, 0.3, 0.3)),
        (0.1, (0.5, 0.3, 0.2), (0.5, 0.25, 0.25)),
    ],
)
def test_no_window_is_expected_to_gain_under_the_null(tolerated, champion_rates, challenger_rates):
    test = DriftTest(buckets=3, margin=0.3, tolerated=tolerated)
    before = DriftState((30, 20, 10), (40, 5, 30), (0.0,) * 4, log_regression=0.0)
    expected = math.fsum(
        stats.multinomial.pmf(champion, 4, champion_rates)
        * stats.multinomial.pmf(challenger, 3, challenger_rates)
        * math.exp(update_drift(test, before, champion, challenger).log_regression)
        for champion in outcomes(4)
        for challenger in outcomes(3)
    )
    assert expected <= 1 + 1e-9


def test_a_verdict_names_the_bucket_that_differs_most():
    test = DriftTest(buckets=4, margin=0.1)
    state = DriftState((40, 40, 10, 10), (25, 65, 5, 5), (0.0,) * 6, best_rollback=5.0)
    judgement = judge_drift(test, state, ["no", "yes", "maybe", "others"], "baseline")
    assert "65 % of the challenger's and 40 % of the baseline's are in bucket yes" in judgement.message


def test_progress_is_told_with_the_effect_size():
    test = DriftTest(buckets=4, margin=0.05)
    judgement = judge_drift(test, after(test, EQUAL, windows=5), "abcd")
    assert judgement.message.startswith("undecided: 250 of about ")
    assert "population stability index" in judgement.message
    assert judge_drift(test, start_drift(test), "abcd").requests_needed < math.inf


def test_the_index_of_equal_histograms_is_nothing():
    assert population_stability_index([10, 20], [100, 200]) == pytest.approx(0, abs=0.01)
    assert population_stability_index([], []) == 0


def test_the_index_of_a_clear_shift_is_large():
    assert population_stability_index([100, 0], [0, 100]) > 1


def test_windows_without_one_arm_only_teach():
    test = DriftTest(buckets=4, margin=0.1)
    state = update_drift(test, start_drift(test), [5, 5, 5, 5], [0, 0, 0, 0])
    assert (state.windows, state.champion) == (0, (5, 5, 5, 5))


def test_a_checkpoint_is_small_and_exact():
    test = DriftTest(buckets=10, margin=0.1)
    state = update_drift(test, start_drift(test), [10**7] * 10, [10**6] * 10)
    text = json.dumps(state.to_dict())
    assert len(text) < 1024
    assert DriftState.from_dict(json.loads(text)) == state


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"buckets": 1}, "two buckets"), ({"margin": 0}, "must lie"), ({"tolerated": 1}, "must lie")],
)
def test_a_test_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        DriftTest(**{"buckets": 4, "margin": 0.1, **fields})


def test_a_histogram_with_other_buckets_is_refused():
    test = DriftTest(buckets=4, margin=0.1)
    with pytest.raises(ValueError, match="expected 4 buckets"):
        update_drift(test, start_drift(test), [1, 2, 3], [1, 2, 3, 4])
