import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.closed_testing import closed_log_e

LOGS = st.floats(-20, 20)


def by_all_sets(log_e):
    names = list(log_e)
    sets = [chosen for size in range(1, len(names) + 1) for chosen in itertools.combinations(names, size)]
    mean = {chosen: math.fsum(math.exp(log_e[name]) for name in chosen) / len(chosen) for chosen in sets}
    return {name: math.log(min(mean[chosen] for chosen in sets if name in chosen)) for name in names}


@given(st.dictionaries(st.sampled_from("abcdef"), LOGS, min_size=1))
def test_the_short_way_finds_the_least_favourable_of_all_sets(log_e):
    assert closed_log_e(log_e) == pytest.approx(by_all_sets(log_e), abs=1e-9)


@given(st.dictionaries(st.sampled_from("abcdef"), LOGS, min_size=2))
def test_no_name_is_cheaper_than_alone_or_dearer_than_by_bonferroni(log_e):
    closed = closed_log_e(log_e)
    assert all(log_e[name] - math.log(len(log_e)) - 1e-9 <= closed[name] <= log_e[name] + 1e-9 for name in log_e)


def test_names_help_those_that_follow():
    """With the second hurt too, the first has no longer to make up for it."""
    alone = closed_log_e({"a": math.log(250), "b": 0.0, "c": 0.0})
    together = closed_log_e({"a": math.log(250), "b": math.log(250), "c": 0.0})
    assert alone["a"] < math.log(100) < together["a"]


def test_evidence_beyond_all_measure_is_still_a_number():
    closed = closed_log_e({"a": 1e6, "b": -1e6, "c": -math.inf})
    assert closed["a"] > 400
    assert closed["c"] == -math.inf


@pytest.mark.parametrize("shared", [0.0, 0.9], ids=["independent", "dependent"])
def test_any_wrong_name_at_any_look_is_as_rare_as_declared(shared):
    """Twenty likelihood ratios of shifted normals, 17 of them true nulls, looked at forty times."""
    alpha, runs, shift = 0.1, 300, 0.7
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(runs):
        noise = math.sqrt(1 - shared) * rng.normal(size=(40, 20)) + math.sqrt(shared) * rng.normal(size=(40, 1))
        noise[:, 17:] += shift
        looks = np.cumsum(shift * noise - shift**2 / 2, axis=0)
        wrong += any(
            closed >= -math.log(alpha)
            for look in looks.tolist()
            for name, closed in closed_log_e(dict(enumerate(look))).items()
            if name < 17
        )
    assert wrong <= runs * alpha + 3 * math.sqrt(runs * alpha * (1 - alpha))
