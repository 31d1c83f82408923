import itertools
import math
import random

import pytest
from scipy import stats

from modelrollout.evidence.sample_ratio import (
    SampleRatioState,
    SampleRatioTest,
    is_mismatch,
    update_sample_ratio,
)

CHECK = SampleRatioTest()


def after(share, weight, windows=60, total=500, seed=0):
    rng = random.Random(seed)
    state = SampleRatioState()
    for _ in range(windows):
        challenger = sum(rng.random() < share for _ in range(total))
        state = update_sample_ratio(CHECK, state, total, challenger, weight)
    return state


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5])
def test_a_split_as_declared_is_no_mismatch(weight):
    assert not is_mismatch(CHECK, after(weight, weight))


@pytest.mark.parametrize(("share", "weight"), [(0.1, 0.05), (0.05, 0.1), (0.0, 0.05), (1.0, 0.5)])
def test_a_split_other_than_declared_is_found(share, weight):
    assert is_mismatch(CHECK, after(share, weight))


@pytest.mark.parametrize(("share", "truth"), [(0.3, 0.3), (0.3, 0.332), (0.3, 0.268), (0.5, 0.5)])
def test_the_evidence_is_not_expected_to_grow_while_the_split_is_within_tolerance(share, truth):
    total = 6
    expected = math.fsum(
        math.prod(stats.binom.pmf(count, total, truth) for count in counts)
        * math.exp(
            update_sample_ratio(
                CHECK,
                update_sample_ratio(CHECK, SampleRatioState(), total, counts[0], share),
                total,
                counts[1],
                share,
            ).log_e
        )
        for counts in itertools.product(range(total + 1), repeat=2)
    )
    assert expected <= 1 + 1e-9
