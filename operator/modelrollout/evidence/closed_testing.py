"""Which of many hypotheses are false, with one error rate for all names together.

Closed testing with means of e-values (Vovk and Wang, "E-values", 2021; Hartog and Lei, "Family-wise error rate control
with e-values", 2025): a hypothesis is given up once every set that it belongs to has a mean e-value of 1/alpha or more.
Whoever is named wrongly belongs to the set of true hypotheses, whose mean is an e-process under any dependence between
them; by Ville's inequality it ever reaches 1/alpha with a probability of at most alpha. So P(any wrong name, ever) is
at most alpha, and names need not be taken back.

The means are of e-values of one and the same time. Means of the largest so far are no e-values.
"""

import math
from collections.abc import Mapping
from itertools import accumulate

from modelrollout.evidence.eprocess import NEVER

# An e-value may be lowered at will, and one of exp(500) is proof of anything.
_MOST = 500.0


def closed_log_e(log_e: Mapping[str, float]) -> dict[str, float]:
    """For each hypothesis the least log mean e-value of all sets that it belongs to, from the logs of present e-values.

    The least favourable set adds those with the smallest e-values, as long as they are below the mean.
    """
    e_values = {name: math.exp(min(log, _MOST)) for name, log in log_e.items()}
    ascending = sorted(e_values.values())
    sums = [0.0, *accumulate(ascending)]
    return {name: _log(_least_mean(own, ascending, sums)) for name, own in e_values.items()}


def _least_mean(own: float, ascending: list[float], sums: list[float]) -> float:
    """Over the sets of `own` and the k smallest others: itself is never reached, since the mean is at most `own`."""
    least, size = own, 1
    for count, value in enumerate(ascending, start=1):
        if value >= least:
            break
        least, size = (own + sums[count]) / (size + 1), size + 1
    return least


def _log(value: float) -> float:
    return math.log(value) if value > 0 else NEVER
