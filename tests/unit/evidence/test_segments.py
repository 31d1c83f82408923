import json
from dataclasses import replace

import numpy as np
import pytest

from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.proportion import ProportionTest
from modelrollout.evidence.segments import OTHERS, SegmentsState, SegmentsTest, names_of
from modelrollout.evidence.verdict import Verdict

NAMES = tuple(f"s{number}" for number in range(12))
QUESTION = ProportionTest(margin=0.02, tolerated=0.004, dispersion=1.0)


def after(test, hurt=(), windows=120, seed=1, excess=0.25):
    """Windows of 20 requests of either arm in each segment, of which 5 % are bad."""
    rng = np.random.default_rng(seed)
    state = test.start()
    for _ in range(windows):
        rates = [0.05 + (excess if name in hurt else 0.0) for name in NAMES]
        bad = zip(NAMES, rng.binomial(20, 0.05, len(NAMES)).tolist(), rng.binomial(20, rates).tolist(), strict=True)
        state = test.update(state, {name: Block(ArmCounts(20, a), ArmCounts(20, b)) for name, a, b in bad})
    return state


def test_the_one_segment_that_is_hurt_is_named():
    test = SegmentsTest(QUESTION, NAMES)
    judgement = test.judge(after(test, hurt=("s7",)), "baseline")
    assert judgement.verdict is Verdict.FAIL
    assert judgement.message.startswith("failed: hurt is s7 (")
    assert judgement.message.endswith("chance that any name is wrong at most 1 %")


def test_all_that_are_hurt_are_named_and_none_besides():
    test = SegmentsTest(QUESTION, NAMES)
    assert set(after(test, hurt=("s2", "s9", "s11")).hurt) == {"s2", "s9", "s11"}


def test_a_good_challenger_passes_without_proof_for_every_segment():
    test = SegmentsTest(QUESTION, NAMES)
    judgement = test.judge(after(test))
    assert judgement.verdict is Verdict.PASS
    assert "no segment is known to be hurt" in judgement.message


def test_a_segment_that_may_be_hurt_holds_the_promotion():
    test = SegmentsTest(QUESTION, NAMES)
    state = after(test)
    while test.judge(state).log_e_rollback < 2.5:
        state = test.update(state, {"s3": Block(ArmCounts(20, 1), ArmCounts(20, 3))})
    assert test.judge(state).verdict is Verdict.UNDECIDED
    assert "no segment is known to be hurt, but it may be" in test.judge(state).message


def test_that_some_are_hurt_is_known_before_which():
    test = SegmentsTest(QUESTION, NAMES)
    judgement = test.judge(replace(test.start(), best_rollback=5.0))
    assert judgement.verdict is Verdict.FAIL
    assert (
        judgement.message
        == "failed: some segments are hurt, not known yet which; chance of a false alarm at most 0.674 %"
    )


def test_what_nobody_named_before_counts_under_others():
    test = SegmentsTest(QUESTION, ("a",))
    state = test.update(test.start(), {"a": Block(ArmCounts(2, 0)), "x": Block(ArmCounts(3, 1)), "y": Block()})
    assert state.segments[OTHERS].seen == Block(ArmCounts(3, 1))
    assert state.together.seen == Block(ArmCounts(5, 1))


def test_the_history_of_a_segment_is_its_own():
    test = SegmentsTest(QUESTION, ("a", "b"))
    state = test.start({"a": ArmCounts(1000, 10), "b": ArmCounts(1000, 200)})
    rates = [state.segments[name].baseline.rate for name in "ab"]
    assert rates == pytest.approx([0.01, 0.2], rel=0.1)


def test_a_checkpoint_restores_the_state_to_the_last_bit():
    test = SegmentsTest(QUESTION, NAMES)
    state = after(test, hurt=("s7",), windows=30)
    text = json.dumps(state.to_dict())
    assert len(text) < 1024 * (len(NAMES) + 2)
    assert SegmentsState.from_dict(json.loads(text)) == state


@pytest.mark.parametrize("segments", [(), ("a", "a"), ("a", OTHERS)])
def test_segments_that_cannot_be_told_apart_are_refused(segments):
    with pytest.raises(ValueError, match="segments must"):
        SegmentsTest(QUESTION, segments)


def test_the_largest_segments_of_the_past_are_told_apart():
    assert names_of([("a", 5), ("b", 50), ("c", 0), (OTHERS, 99), ("d", 7), ("e", 1)], 3) == ("b", "d", "a")
