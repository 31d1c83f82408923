"""Arithmetic shared by every e-process: everything is kept as natural logarithms.

An e-process is a non-negative process that starts at 1 and, as long as the null hypothesis is true, is not
expected to grow whatever one stops at. By Ville's inequality (1939) it ever reaches 1/alpha with a
probability of at most alpha.
"""

import math
from collections.abc import Iterable, Sequence

NEVER = -math.inf


def log_mean_exp(logs: Sequence[float]) -> float:
    """Logarithm of the mean of e-values given as logarithms: a mean of e-processes is an e-process."""
    top = max(logs)
    if top == NEVER:
        return NEVER
    return top + math.log(sum([math.exp(value - top) for value in logs]) / len(logs))


def log_weighted_mean_exp(weighted: Iterable[tuple[float, float]]) -> float:
    """Logarithm of sum(weight * exp(log)) / sum(weight) over (weight, log) pairs with positive weights."""
    pairs = list(weighted)
    top = max([log for _, log in pairs])
    if top == NEVER:
        return NEVER
    total = sum([weight for weight, _ in pairs])
    return top + math.log(sum([weight * math.exp(log - top) for weight, log in pairs]) / total)


def shiryaev_roberts_step(log_sum: float, log_factor: float, *, start: bool) -> float:
    """One window of the Shiryaev-Roberts recursion M' = (M + 1) * factor, from log M to log M'.

    M is the sum of the e-processes that were started in each window so far. Over a horizon of T windows M / T
    is at most an average of T e-processes, so M reaches T / alpha with a probability of at most alpha. After
    the horizon pass `start=False`: no further process begins, those that run go on.
    """
    if start:
        log_sum = log_sum + math.log1p(math.exp(-log_sum)) if log_sum > 0 else math.log1p(math.exp(log_sum))
    return log_sum + log_factor
