"""Cases from Argo Rollouts' analysis tests (TestAssessMetricStatusFailureLimit, ...ConsecutiveErrors)."""

import math

import numpy as np

from tests.bench.peers.argo import AnalysisRun


def aborted(results, failure_limit=0, no_result=()):
    run = AnalysisRun(limit=1.0, failure_limit=failure_limit, rollouts=1)
    for number, result in enumerate(results):
        run.measure(np.array([result]), np.array([number in no_result]))
    return bool(run.aborted[0])


def test_by_default_one_failure_fails_the_run():
    assert not aborted([0.5, 1.0])
    assert aborted([0.5, 1.5])


def test_failures_may_reach_the_limit_but_not_exceed_it():
    assert not aborted([5.0, 0.0, 5.0], failure_limit=2)
    assert aborted([5.0, 0.0, 5.0, 5.0], failure_limit=2)


def test_more_than_four_errors_in_a_row_abort():
    assert not aborted([0.0] * 4, no_result=range(4))
    assert aborted([0.0] * 5, no_result=range(5))
    assert not aborted([0.0] * 9, no_result=(0, 1, 2, 3, 5, 6, 7, 8))


def test_not_a_number_is_no_failure_of_a_failure_condition():
    assert not aborted([math.nan] * 9)
