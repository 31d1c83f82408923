"""Pairs on answers with known figures; the study on real data is `python -m tests.bench.sequences pairs`."""

import numpy as np
import pytest

from tests.bench.pairs import in_pairs, least_of_split, split
from tests.bench.report_sequences import pairs as report
from tests.bench.retrained import Held


def held(worse, better, rows=1000, both_wrong=50):
    wrong = np.zeros((2, rows), bool)
    wrong[0, : both_wrong + better] = True
    wrong[1, :both_wrong] = wrong[1, both_wrong + better : both_wrong + better + worse] = True
    return Held("drawn", "drawn", wrong[0], wrong[1], wrong[0] != wrong[1])


@pytest.mark.parametrize(("answers", "decision"), [(held(5, 5), "promotion"), (held(50, 10), "rollback")])
def test_pairs_take_a_third_of_the_requests_and_a_twentieth_of_the_labels_of_a_split(answers, decision):
    paired = in_pairs(answers, decision, 20, np.random.default_rng(1))
    apart = split(answers, decision, 0.5, 20, np.random.default_rng(2))
    assert paired.decided == 1
    assert paired.requests <= apart.requests / 3
    assert paired.labels <= apart.labels / 20


def test_no_split_beats_the_least_possible():
    answers = held(50, 10)
    assert split(answers, "rollback", 0.5, 20, np.random.default_rng(3)).requests >= 0.8 * (
        least_of_split(answers, "rollback", 0.5).requests
    )


def test_a_goal_that_is_missed_is_told():
    row = {"data": "d", "challenger": "c", "gap": 0.0, "disagree": 0.1, "decision": "promotion", "rollouts": 1}
    ways = [("pairs, disagreements labelled", 100.0, 50.0), ("split at 50%", 200.0, 200.0)]
    rows = [row | {"way": way, "requests": r, "labels": labels, "decided": 1.0} for way, r, labels in ways]
    assert "**Missed**: d, promotion, against split at 50%" in report(rows)
