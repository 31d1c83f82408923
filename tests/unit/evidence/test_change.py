"""Detectors of change: what they find, what they leave alone, and how often they err."""

import itertools
import json
import math

import numpy as np
import pytest
from scipy import stats

from modelrollout.evidence.change import CHANGES, ChangeState, ChangeTest, UsualShares, is_alarm, usual_shares
from modelrollout.evidence.eprocess import NEVER

USUAL = (0.4, 0.3, 0.2, 0.1)
DAY = 24


def counts_of(rng, shares, requests=200):
    return rng.multinomial(requests, shares).tolist()


def swinging(hour, depth=0.15):
    """The first category gains by day what the second loses."""
    swing = depth * math.sin(2 * math.pi * hour / DAY)
    return (USUAL[0] + swing, USUAL[1] - swing, *USUAL[2:])


def first_alarm(test, rng, shares_at, windows, start=None):
    """Windows until the alarm and the state then; all windows without one."""
    state = start or test.start()
    for window in range(windows):
        state = test.update(state, counts_of(rng, shares_at(window)), window)
        if is_alarm([state], test.run_length):
            return window + 1, state
    return windows, state


def outcomes(requests):
    for first, second in itertools.product(range(requests + 1), repeat=2):
        if first + second <= requests:
            yield first, second, requests - first - second


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.4, 0.4, 0.2), (0.4, 0.35, 0.25)])
@pytest.mark.parametrize("watched", [(), (2,)])
def test_a_detector_is_expected_to_grow_by_no_more_than_one_a_window_within_the_tolerance(shares, watched):
    test = ChangeTest(UsualShares(((500, 300, 200),)), tolerated=0.1, run_length=100, watched=watched)
    before = ChangeState(5, (0.0, 1.0, -1.0, 2.0), (10.0, 8.0, 7.0), (12.5, 7.5, 5.0))
    expected = math.fsum(
        stats.multinomial.pmf(counts, 5, shares) * math.exp(test.update(before, counts).log_m) for counts in outcomes(5)
    )
    assert expected <= math.exp(before.log_m) + 1 + 1e-9


def test_a_false_alarm_comes_no_sooner_than_declared_on_average():
    run_length, runs = 60, 120
    test = ChangeTest(UsualShares(((1600, 1200, 800, 400),)), tolerated=0.0, run_length=run_length)
    rng = np.random.default_rng(2)
    lengths = [first_alarm(test, rng, lambda _: USUAL, 4 * run_length)[0] for _ in range(runs)]
    assert np.mean(lengths) >= run_length


@pytest.mark.parametrize(
    ("moved", "category"), [((0.3, 0.3, 0.2, 0.2), (0, 3)), ((0.4, 0.15, 0.35, 0.1), (1, 2))], ids=["last", "third"]
)
def test_a_change_is_found_within_hours_and_what_moved_most_is_named(moved, category):
    test = ChangeTest(UsualShares(((4000, 3000, 2000, 1000),)), tolerated=0.02, run_length=2160)
    rng = np.random.default_rng(3)
    _, quiet = first_alarm(test, rng, lambda _: USUAL, 300)
    assert not is_alarm([quiet], test.run_length)
    delay, state = first_alarm(test, rng, lambda _: moved, 100, quiet)
    assert delay <= 12
    assert state.moved_most in category


def test_what_is_tolerated_raises_no_alarm():
    test = ChangeTest(UsualShares(((4000, 3000, 2000, 1000),)), tolerated=0.1, run_length=500)
    assert first_alarm(test, np.random.default_rng(4), lambda _: (0.35, 0.25, 0.25, 0.15), 500)[0] == 500


def test_a_daily_swing_is_usual_where_the_same_hours_are_compared_and_a_change_without():
    rng = np.random.default_rng(5)
    past = [counts_of(rng, swinging(hour)) for hour in range(14 * DAY)]
    by_hour = ChangeTest(usual_shares(past, DAY), tolerated=0.02, run_length=2160)
    assert first_alarm(by_hour, rng, swinging, 30 * DAY)[0] == 30 * DAY
    flat = ChangeTest(UsualShares(by_hour.reference.counts[:1]), tolerated=0.02, run_length=2160)
    assert first_alarm(flat, rng, swinging, 30 * DAY)[0] < 2 * DAY


def test_the_growth_of_wrong_answers_is_watched_and_their_decline_is_not():
    test = ChangeTest(UsualShares(((9500, 500),)), tolerated=0.01, run_length=2160, watched=(1,))
    rng = np.random.default_rng(6)
    assert first_alarm(test, rng, lambda _: (0.99, 0.01), 200)[0] == 200
    assert first_alarm(test, rng, lambda _: (0.88, 0.12), 200)[0] <= 15


def test_one_bad_hour_is_no_change():
    test = ChangeTest(UsualShares(((9500, 500),)), tolerated=0.01, run_length=2160, watched=(1,))
    state = test.update(test.start(), (0, 10_000))
    assert not is_alarm([state], test.run_length)
    assert is_alarm([test.update(test.update(test.update(state, (0, 100)), (0, 100)), (0, 100))], test.run_length)


def test_requests_that_come_in_bunches_of_equals_raise_the_dispersion_and_no_alarm():
    rng = np.random.default_rng(7)
    bunched = [(10 * rng.multinomial(20, USUAL)).tolist() for _ in range(1200)]
    reference = usual_shares(bunched[:400], 1)
    assert reference.dispersion == pytest.approx(10, rel=0.15)
    test = ChangeTest(reference, tolerated=0.01, run_length=2160)
    state = test.start()
    for counts in bunched[400:]:
        state = test.update(state, counts)
        assert not is_alarm([state], test.run_length)


def test_several_features_raise_no_more_false_alarms_than_one():
    high = ChangeState(9, (math.log(1000),) * len(CHANGES), (1.0, 1.0), (1.0, 1.0))
    quiet = ChangeState(9, (NEVER,) * len(CHANGES), (1.0, 1.0), (1.0, 1.0))
    assert is_alarm([high], 900)
    assert not is_alarm([high, quiet], 900)
    assert is_alarm([high, quiet], 500)


def test_a_window_without_requests_teaches_nothing():
    test = ChangeTest(UsualShares(((5, 5),)), tolerated=0.1, run_length=100)
    state = test.update(test.start(), (0, 0))
    assert state == ChangeState(1, test.start().log_sums, (0.0, 0.0), (0.0, 0.0))
    assert state.moved_most is None


def test_a_detector_that_goes_on_from_a_checkpoint_is_the_one_that_never_stopped():
    test = ChangeTest(UsualShares(((4000, 3000, 2000, 1000),)), tolerated=0.02, run_length=2160)
    rng = np.random.default_rng(8)
    windows = [counts_of(rng, USUAL) for _ in range(20)]
    straight = interrupted = test.start()
    for window in windows:
        straight = test.update(straight, window)
        interrupted = test.update(ChangeState.from_dict(json.loads(json.dumps(interrupted.to_dict()))), window)
    assert interrupted == straight
    assert len(json.dumps(straight.to_dict())) < 512
    assert straight.shares_of(0) == pytest.approx((0.4, 0.4), abs=0.05)


@pytest.mark.parametrize(
    "counts",
    [(), ((1,),), ((1, 2), (1, 2, 3)), ((0, 0),), ((1, -1),)],
    ids=["none", "one", "unlike", "empty", "negative"],
)
def test_a_reference_that_says_nothing_is_refused(counts):
    with pytest.raises(ValueError, match="reference"):
        UsualShares(counts)


def test_a_cycle_that_was_seen_once_is_no_reference():
    with pytest.raises(ValueError, match="needs 48 windows, got 24"):
        usual_shares([(1, 1)] * DAY, DAY)


@pytest.mark.parametrize("fields", [{"tolerated": 1.0}, {"run_length": 1.0}])
def test_a_test_that_makes_no_sense_is_refused(fields):
    with pytest.raises(ValueError, match="tolerated must"):
        ChangeTest(**{"reference": UsualShares(((1, 1),)), "tolerated": 0.0, "run_length": 10.0, **fields})


def test_counts_of_other_categories_are_refused():
    test = ChangeTest(UsualShares(((1, 1),)), tolerated=0.0, run_length=10.0)
    with pytest.raises(ValueError, match="expected 2 categories, got 3"):
        test.update(test.start(), (1, 2, 3))
