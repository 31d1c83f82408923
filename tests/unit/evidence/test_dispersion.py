import random

import pytest

from modelrollout.evidence.counts import ArmCounts
from modelrollout.evidence.dispersion import estimate_dispersion
from modelrollout.evidence.proportion import UNMEASURED_DISPERSION

WINDOWS = 720


def pods(rng, requests=150, rate=0.01, burst=1, shock=0.0):
    """One window of three pods; failures come in bursts of one size, a shock raises the rate of all pods."""
    window = []
    for _ in range(3):
        starts = sum(rng.random() < (rate + shock) / burst for _ in range(requests))
        window.append(ArmCounts(requests, min(requests, starts * burst)))
    return window


def measured(seed=0, **kinds):
    rng = random.Random(seed)
    return estimate_dispersion([pods(rng, **kinds) for _ in range(WINDOWS)])


def test_independent_failures_have_a_dispersion_of_about_one():
    found = measured()
    assert found.estimate == pytest.approx(1, abs=0.25)
    assert 1 <= found.upper < 1.6


@pytest.mark.parametrize("burst", [2, 5])
def test_failures_in_bursts_show_their_size(burst):
    found = measured(burst=burst)
    assert found.estimate == pytest.approx(burst, rel=0.25)
    assert found.upper > found.estimate


def test_an_incident_that_hits_all_pods_alike_is_no_burst():
    rng = random.Random(1)
    windows = [pods(rng, shock=0.1 if 300 <= at < 400 else 0.0) for at in range(WINDOWS)]
    assert estimate_dispersion(windows).upper < 1.6


def test_bursts_longer_than_a_window_are_seen_at_a_longer_scale():
    rng = random.Random(2)
    windows = []
    for at in range(WINDOWS):
        if at % 12 == 0:
            ill = rng.randrange(3) if rng.random() < 0.3 else None
        windows.append([ArmCounts(150, 4 if pod == ill else 1) for pod in range(3)])
    assert estimate_dispersion(windows).estimate > 2


@pytest.mark.parametrize("windows", [[], [[ArmCounts(100, 0), ArmCounts(100, 0)]] * 50, [[ArmCounts(1, 1)]]])
def test_a_service_that_hardly_ever_fails_is_not_taken_for_independent(windows):
    assert estimate_dispersion(windows).upper == UNMEASURED_DISPERSION


def test_the_fewer_failures_a_history_has_the_less_it_is_trusted_to_show_that_they_are_independent():
    lone = [[ArmCounts(100, 1), ArmCounts(100, 0)], [ArmCounts(100, 0), ArmCounts(100, 1)]]
    quiet = [[ArmCounts(100, 0), ArmCounts(100, 0)]] * 20
    by_failures = [estimate_dispersion((lone + quiet) * pairs).upper for pairs in (1, 5, 10, 20)]
    assert by_failures == sorted(by_failures, reverse=True)
    assert by_failures[0] > by_failures[-1]
