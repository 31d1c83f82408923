import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.eprocess import (
    NEVER,
    log_mean_exp,
    log_weighted_mean_exp,
    shiryaev_roberts_step,
)

LOGS = st.lists(st.floats(-50, 50), min_size=1, max_size=10)


@given(LOGS)
def test_the_mean_of_logs_is_the_log_of_the_mean(logs):
    expected = math.log(math.fsum(math.exp(value) for value in logs) / len(logs))
    assert log_mean_exp(logs) == pytest.approx(expected, abs=1e-9)
    assert log_weighted_mean_exp([(2.5, value) for value in logs]) == pytest.approx(expected, abs=1e-9)


def test_weights_shift_the_mean():
    assert log_weighted_mean_exp([(3.0, 0.0), (1.0, math.log(5))]) == pytest.approx(math.log(2))


def test_processes_that_never_started_have_no_evidence():
    assert log_mean_exp([NEVER, NEVER]) == NEVER
    assert log_weighted_mean_exp([(1.0, NEVER)]) == NEVER


def test_evidence_beyond_the_range_of_floats_is_kept():
    assert log_mean_exp([5000.0, 0.0]) == pytest.approx(5000 - math.log(2))


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=30))
def test_the_recursion_is_the_sum_of_processes_started_in_every_window(factors):
    log_sum = NEVER
    for factor in factors:
        log_sum = shiryaev_roberts_step(log_sum, factor, start=True)
    expected = math.fsum(math.exp(math.fsum(factors[first:])) for first in range(len(factors)))
    assert log_sum == pytest.approx(math.log(expected), abs=1e-9)


def test_after_the_horizon_no_process_begins():
    assert shiryaev_roberts_step(NEVER, 2.0, start=False) == NEVER
    assert shiryaev_roberts_step(1.0, 2.0, start=False) == 3.0
