"""Cases from Flagger's documentation (deployment strategies) and scheduler."""

import math

import numpy as np
import pytest

from tests.bench.peers.flagger import Flagger


def ticks_until_rollback(values, threshold=3, limit=1.0):
    analysis = Flagger(limit, threshold, rollouts=1)
    for tick, value in enumerate(values, 1):
        analysis.tick(np.array([value]))
        if analysis.rolled_back[0]:
            return tick
    return None


def test_a_failing_canary_is_rolled_back_interval_times_threshold_after_its_first_failed_check():
    assert ticks_until_rollback([5.0] * 10, threshold=3) == 1 + 3


def test_failed_checks_add_up_though_successes_come_between():
    assert ticks_until_rollback([5.0, 0.0, 5.0, 0.0, 5.0, 0.0]) == 6


def test_a_value_at_the_limit_passes():
    assert ticks_until_rollback([1.0] * 50) is None


@pytest.mark.parametrize("missing", [math.nan])
def test_no_values_found_is_a_failed_check(missing):
    assert ticks_until_rollback([missing] * 10) == 4


def test_a_failed_check_halts_the_advancement():
    analysis = Flagger(1.0, 3, rollouts=3)
    assert analysis.tick(np.array([0.5, 5.0, math.nan])).tolist() == [True, False, False]
