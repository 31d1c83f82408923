"""The test of pairs: what it decides, and that no labelling breaks its error rates (by enumeration and simulation)."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.paired import PairCounts, PairedState, PairedTest, labels_missing, pairs_missing
from modelrollout.evidence.verdict import Verdict

WORSE, BETTER, AGREED = PairCounts(worse=1), PairCounts(better=1), PairCounts(agreed=1)
UNLABELLED = PairCounts(unlabelled=1)
PAIR_OF = {1: WORSE, -1: BETTER, 0: AGREED}
PAIRS = 5


def after(test, *stretches, state=None):
    state = state or test.start()
    for counts in stretches:
        state = test.update(state, counts)
    return state


def verdict(test, *stretches):
    return test.judge(after(test, *stretches)).verdict


def loses_what_helps(x, _):
    """A labeller who hides each disagreement that speaks for the challenger."""
    return x == -1


def loses_what_hurts(x, _):
    return x == 1


def loses_after_bad_luck(x, earlier):
    return x != 0 and sum(earlier) < 0


def loses_none(_x, _earlier):
    return False


LABELLERS = [loses_none, loses_what_helps, loses_what_hurts, loses_after_bad_luck]


def expectation(test, law, labeller, evidence):
    """E[exp(evidence)] over every sequence of pairs that follow the law one by one."""
    total = 0.0
    for xs in itertools.product(law, repeat=PAIRS):
        state = test.start()
        for index, x in enumerate(xs):
            state = test.update(state, UNLABELLED if labeller(x, xs[:index]) else PAIR_OF[x])
        total += math.prod(law[x] for x in xs) * math.exp(evidence(state))
    return total


def mean_evidence(name):
    return lambda state: math.log(math.fsum(math.exp(log) for log in getattr(state, name)) / 7)


@pytest.mark.parametrize("labeller", LABELLERS)
@pytest.mark.parametrize(
    ("tolerated", "law"),
    [
        (0.0, {1: 0.2, 0: 0.6, -1: 0.2}),
        (0.1, {1: 0.3, 0: 0.5, -1: 0.2}),
        (0.1, {1: 0.1, 0: 0.9, -1: 0.0}),
    ],
)
def test_evidence_for_rollback_is_expected_to_gain_nothing_whoever_labels(labeller, tolerated, law):
    test = PairedTest(margin=0.2, tolerated=tolerated)
    assert expectation(test, law, labeller, mean_evidence("log_regressions")) <= 1 + 1e-12


@pytest.mark.parametrize("labeller", LABELLERS)
@pytest.mark.parametrize(
    ("margin", "law"),
    [
        (0.1, {1: 0.3, 0: 0.5, -1: 0.2}),
        (0.1, {1: 0.1, 0: 0.9, -1: 0.0}),
        (-0.1, {1: 0.1, 0: 0.7, -1: 0.2}),
        (0.0, {1: 0.3, 0: 0.5, -1: 0.2}),
    ],
)
def test_evidence_for_promotion_is_expected_to_gain_nothing_whoever_labels(labeller, margin, law):
    test = PairedTest(margin=margin)
    assert expectation(test, law, labeller, mean_evidence("log_improvements")) <= 1 + 1e-12


def test_pairs_that_share_their_fate_count_as_one():
    test = PairedTest(margin=0.2, dispersion=3.0)
    total = sum(
        probability * math.exp(mean_evidence("log_regressions")(test.update(test.start(), counts)))
        for probability, counts in ((0.5, PairCounts(worse=3)), (0.5, PairCounts(better=3)))
    )
    assert total <= 1 + 1e-12


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (PairCounts(agreed=970, worse=26, better=4), Verdict.FAIL),
        (PairCounts(agreed=950, worse=25, better=25), Verdict.UNDECIDED),
        (PairCounts(agreed=9500, worse=250, better=250), Verdict.PASS),
        (PairCounts(agreed=950, worse=0, better=50), Verdict.PASS),
        (PairCounts(), Verdict.UNDECIDED),
    ],
)
def test_a_challenger_is_judged_by_what_it_alone_got_wrong(counts, expected):
    assert verdict(PairedTest(margin=0.01), counts) is expected


def test_a_challenger_that_hardly_disagrees_passes_without_a_label():
    assert verdict(PairedTest(margin=0.02), PairCounts(agreed=1990, unlabelled=10)) is Verdict.PASS


def test_disagreements_without_a_label_neither_promote_nor_roll_back():
    assert verdict(PairedTest(margin=0.02), PairCounts(agreed=9000, unlabelled=1000)) is Verdict.UNDECIDED


def test_agreements_say_nothing_of_a_difference_where_none_is_tolerated():
    test = PairedTest(margin=0.01)
    few, many = (after(test, PairCounts(agreed=n, worse=10, better=1)) for n in (10, 10_000))
    assert few.log_regressions == many.log_regressions


def test_a_challenger_that_got_worse_since_does_not_pass():
    test = PairedTest(margin=0.01, alpha=1e-6)
    state = after(test, PairCounts(agreed=950, better=50))
    assert test.judge(state).verdict is Verdict.PASS
    assert test.judge(after(test, PairCounts(worse=115), state=state)).verdict is Verdict.UNDECIDED


STRETCH = st.builds(PairCounts, st.integers(0, 60), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))


@given(st.lists(STRETCH, min_size=1, max_size=6), st.data())
def test_labels_that_come_later_only_ever_add_evidence(stretches, data):
    test = PairedTest(margin=0.03, tolerated=0.01)
    labelled = []
    for counts in stretches:
        worse = data.draw(st.integers(0, counts.unlabelled))
        better = data.draw(st.integers(0, counts.unlabelled - worse))
        even = counts.unlabelled - worse - better
        labelled.append(PairCounts(counts.agreed + even, counts.worse + worse, counts.better + better))
    now, later = after(test, *stretches), after(test, *labelled)
    assert later.best_rollback >= now.best_rollback - 1e-9
    assert later.best_promotion >= now.best_promotion - 1e-9


@given(st.lists(STRETCH, max_size=5))
def test_a_checkpoint_is_small_and_exact(stretches):
    state = after(PairedTest(margin=0.02), *stretches)
    text = json.dumps(state.to_dict())
    assert len(text) < 512
    assert PairedState.from_dict(json.loads(text)) == state


@pytest.mark.parametrize("fields", [{}, {"seen": [1, 2], "evidence": ""}, {"seen": [1, 0, 0, 0], "evidence": "AAAA"}])
def test_what_is_no_checkpoint_is_refused(fields):
    with pytest.raises((KeyError, ValueError)):
        PairedState.from_dict(fields)


# Ten times the rates usually declared, so that a violation would show in so few shadow phases.
DECLARED, PHASES, STRETCHES = 0.1, 200, 80


def decided(expected, mean, labelled):
    """How many shadow phases ever reach the verdict if of what speaks against it some has no label."""
    rng = np.random.default_rng(3)
    test = PairedTest(margin=0.02, alpha=DECLARED, beta=DECLARED)
    count = 0
    law = [0.9, 0.05 + mean / 2, 0.05 - mean / 2]
    for drawn in rng.multinomial(50, law, (PHASES, STRETCHES)).tolist():
        state = test.start()
        for agreed, worse, better in drawn:
            kept = round(labelled * (worse if expected is Verdict.FAIL else better))
            hidden = (worse if expected is Verdict.FAIL else better) - kept
            shown = (kept, better) if expected is Verdict.FAIL else (worse, kept)
            state = test.update(state, PairCounts(agreed, *shown, unlabelled=hidden))
        count += test.judge(state).verdict is expected or (
            expected is Verdict.PASS and state.best_promotion >= -math.log(DECLARED)
        )
    return count


@pytest.mark.parametrize(("expected", "mean"), [(Verdict.FAIL, 0.0), (Verdict.PASS, 0.02)])
@pytest.mark.parametrize("labelled", [1.0, 0.8])
def test_false_verdicts_are_no_more_frequent_than_declared(expected, mean, labelled):
    most = PHASES * DECLARED + 3 * math.sqrt(PHASES * DECLARED * (1 - DECLARED))
    assert decided(expected, mean, labelled) <= most


def test_progress_is_told_in_pairs_and_labels():
    test = PairedTest(margin=0.01)
    state = after(test, PairCounts(agreed=960, worse=18, better=22))
    judgement = test.judge(state, "baseline")
    assert judgement.message.startswith("undecided: 1 000 of about ")
    assert "the challenger alone was wrong on 18, the baseline alone on 22" in judgement.message
    assert labels_missing(test, state) == pytest.approx(pairs_missing(test, state) * 0.04)


@pytest.mark.parametrize("counts", [PairCounts(), PairCounts(agreed=100, unlabelled=100)])
def test_no_end_is_foretold_where_none_can_come(counts):
    test = PairedTest(margin=0.01)
    assert labels_missing(test, after(test, counts)) == math.inf


def test_what_was_foretold_is_about_what_it_takes():
    test = PairedTest(margin=0.02)
    half = PairCounts(agreed=475, worse=12, better=13)
    state = after(test, half)
    foretold = pairs_missing(test, state) / half.total
    needed = 0
    while test.judge(state).verdict is not Verdict.PASS:
        state, needed = test.update(state, half), needed + 1
    assert 0.5 * needed <= foretold <= 2 * needed


@pytest.mark.parametrize("fields", [{"margin": 1}, {"tolerated": -0.1}, {"alpha": 0}, {"dispersion": 0.5}])
def test_a_test_that_makes_no_sense_is_refused(fields):
    with pytest.raises(ValueError, match="must"):
        PairedTest(**{"margin": 0.01, **fields})


def test_fewer_than_no_pairs_are_refused():
    with pytest.raises(ValueError, match="fewer than none"):
        PairCounts(worse=-1)
