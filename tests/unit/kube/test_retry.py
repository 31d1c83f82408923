import pytest

from modelrollout.kube.retry import RetryPolicy


def longest(_low: float, high: float) -> float:
    return high


def shortest(low: float, _high: float) -> float:
    return low


def test_the_wait_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(attempts=6, base=1.0, cap=5.0, budget=100.0)

    assert [policy.delay(attempt, 0.0, uniform=longest) for attempt in range(6)] == [1, 2, 4, 5, 5, None]


def test_jitter_reaches_down_to_no_wait_at_all() -> None:
    assert RetryPolicy(base=1.0).delay(3, 0.0, uniform=shortest) == 0.0


def test_the_server_is_asked_no_earlier_than_it_says() -> None:
    assert RetryPolicy().delay(0, 0.0, retry_after=7.0, uniform=shortest) == 7.0


@pytest.mark.parametrize(("elapsed", "retry_after"), [(29.5, None), (0.0, 31.0)])
def test_no_attempt_starts_after_the_budget_is_spent(elapsed: float, retry_after: float | None) -> None:
    policy = RetryPolicy(base=1.0, budget=30.0)

    assert policy.delay(0, elapsed, retry_after, uniform=longest) is None
