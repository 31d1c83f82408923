"""The vectorised rule names what the product's rule names; the study is `python -m tests.bench.sequences segments`."""

import math

import numpy as np

from modelrollout.evidence.closed_testing import closed_log_e
from tests.bench.segments import named_by_closed_testing


def test_the_vectorised_rule_names_what_closed_testing_names():
    rng = np.random.default_rng(1)
    level = math.log(100)
    logs = rng.uniform(-5, 12, (500, 6))
    named = named_by_closed_testing(logs, level)
    for row, found in zip(logs.tolist(), named.tolist(), strict=True):
        assert [closed >= level for closed in closed_log_e(dict(enumerate(row))).values()] == found
