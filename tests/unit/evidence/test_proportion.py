import itertools
import json
import math
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.evidence.proportions import BURSTY, HISTORY, INDEPENDENT, after, block

from modelrollout.evidence import (
    ArmCounts,
    Block,
    ProportionState,
    ProportionTest,
    Verdict,
    judge,
    start,
    update,
)
from modelrollout.evidence.packing import pack_floats
from modelrollout.evidence.proportion import gap_bound, log_e_rollback


@st.composite
def arm_counts(draw):
    total = draw(st.integers(0, 2000))
    return ArmCounts(total, draw(st.integers(0, total)))


blocks = st.builds(Block, arm_counts(), arm_counts())
proportion_tests = st.builds(
    ProportionTest,
    margin=st.floats(-0.2, 0.5),
    tolerated=st.floats(-0.1, 0.2),
    ratio=st.floats(0.5, 2),
    dispersion=st.floats(1, 10),
    horizon=st.integers(1, 5),
    figure=st.none() | st.floats(0, 1),
)


def windows_until(test, verdict, window, limit=2000, history=HISTORY):
    state = start(test, history)
    for count in range(1, limit + 1):
        state = update(test, state, window)
        if judge(test, state).verdict is verdict:
            return count
    raise AssertionError(f"not {verdict} after {limit} windows")


@given(test=proportion_tests, windows=st.lists(blocks, max_size=6), history=st.none() | arm_counts())
@example(test=ProportionTest(margin=0.5, figure=1e-38), windows=[], history=None)
def test_any_counts_give_finite_evidence_and_a_verdict(test, windows, history):
    judgement = judge(test, after(test, windows, history))
    assert math.isfinite(judgement.log_e_rollback)
    assert math.isfinite(judgement.log_e_promotion)
    assert judgement.verdict in {Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED}
    assert 0 <= judgement.gap_bound <= 1


@given(test=proportion_tests, windows=st.lists(blocks, min_size=1, max_size=6), stop=st.integers(0, 6))
def test_a_test_resumed_from_its_checkpoint_goes_on_as_if_never_stopped(test, windows, stop):
    before = after(test, windows[:stop])
    resumed = ProportionState.from_dict(json.loads(json.dumps(before.to_dict())))
    assert resumed == before
    assert reduce(lambda s, w: update(test, s, w), windows[stop:], resumed) == after(test, windows)


def test_a_checkpoint_is_small():
    state = after(INDEPENDENT, [block(10**9, 10**7, 10**9, 10**7)] * 3)
    assert len(json.dumps(state.to_dict())) < 1024


@pytest.mark.parametrize("broken", [{}, {"windows": 1}, {"evidence": "AAAA"}, {"evidence": "?"}])
def test_a_damaged_checkpoint_is_refused(broken):
    fields = {**after(INDEPENDENT, [block()]).to_dict(), **broken} if broken else {}
    if broken == {"windows": 1}:
        del fields["seen"]
    with pytest.raises((KeyError, ValueError)):
        ProportionState.from_dict(fields)


def test_half_the_answers_failing_is_proven_by_the_first_window_when_requests_fail_independently():
    assert windows_until(INDEPENDENT, Verdict.FAIL, block(challenger_bad=12)) == 1


def test_half_the_answers_failing_is_proven_within_three_windows_however_bursty_the_service_is():
    assert windows_until(BURSTY, Verdict.FAIL, block(challenger_bad=12)) <= 3


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.003])
def test_a_late_gross_failure_is_proven_by_two_windows_but_not_by_one(alpha):
    test = ProportionTest(margin=0.005, alpha=alpha, dispersion=1.0)
    calm = after(test, [block(250, 1, 250, 1)] * 300)
    hiccup = update(test, calm, block(250, 1, 250, 125))
    assert judge(test, hiccup).verdict is not Verdict.FAIL
    assert judge(test, update(test, hiccup, block(250, 1, 250, 125))).verdict is Verdict.FAIL


def test_a_lone_burst_is_no_proof_for_a_bursty_service():
    state = after(BURSTY, [block(), block(challenger_bad=8), block(), block()])
    assert judge(BURSTY, state).verdict is Verdict.UNDECIDED


def test_a_champion_that_never_failed_makes_a_gross_failure_plain_though_dispersion_is_unknown():
    test = ProportionTest(margin=0.005)
    state = update(test, start(test, ArmCounts(30_000, 0)), block(champion_bad=0, challenger_bad=12))
    assert judge(test, state).verdict is Verdict.FAIL


def test_an_equal_challenger_passes_and_says_how_far_it_is():
    state = after(INDEPENDENT, [block(challenger_total=250, challenger_bad=1)] * 2)
    judgement = judge(INDEPENDENT, state)
    assert judgement.verdict is Verdict.UNDECIDED
    assert judgement.message.startswith("undecided: 500 of about ")
    assert judgement.requests_missing == judgement.requests_needed - 500 > 0
    needed = 250 * windows_until(INDEPENDENT, Verdict.PASS, block(250, 1, 250, 1))
    assert needed == pytest.approx(judgement.requests_needed, rel=0.5)


@pytest.mark.parametrize(
    ("champion_bad", "challenger_bad", "margin"),
    [(4, 4, 0.005), (4, 8, 0.02), (4, 24, 0.09), (160, 200, 0.1)],
)
def test_a_challenger_that_keeps_the_margin_passes_whether_or_not_it_is_as_good_as_the_champion(
    champion_bad, challenger_bad, margin
):
    test = ProportionTest(margin=margin, tolerated=margin / 2, dispersion=1.0)
    window = block(800, champion_bad, 800, challenger_bad)
    assert windows_until(test, Verdict.PASS, window, history=ArmCounts(80_000, 100 * champion_bad)) < 20


@pytest.mark.parametrize(("champion_bad", "challenger_bad", "margin"), [(24, 6, 0.05), (24, 6, 0.1), (24, 2, -0.1)])
def test_a_champion_without_a_history_costs_a_few_windows_at_most(champion_bad, challenger_bad, margin):
    test = ProportionTest(margin=margin, dispersion=1.0)
    window = block(120, champion_bad, 30, challenger_bad)
    known = windows_until(test, Verdict.PASS, window, history=ArmCounts(12_000, 100 * champion_bad))
    assert windows_until(test, Verdict.PASS, window, history=None) <= known + 3


def test_half_the_answers_failing_is_proven_at_once_without_a_history_too():
    test = ProportionTest(margin=0.005)
    assert windows_until(test, Verdict.FAIL, block(475, 2, 25, 12), history=None) == 1


def test_better_by_far_is_granted_soon_where_much_better_is_asked_for():
    test = ProportionTest(margin=-0.5, dispersion=1.0, windows_per_minute=1)
    window = block(20, 18, 10, 0)
    assert windows_until(test, Verdict.PASS, window, history=ArmCounts(10_000, 9_000)) < 6


def test_a_challenger_that_got_worse_after_passing_no_longer_passes():
    state = after(INDEPENDENT, [block(250, 1, 250, 1)] * 60)
    assert judge(INDEPENDENT, state).verdict is Verdict.PASS
    verdicts = set()
    for _ in range(40):
        state = update(INDEPENDENT, state, block(250, 1, 250, 6))
        verdicts.add(judge(INDEPENDENT, state).verdict)
    assert verdicts == {Verdict.PASS, Verdict.UNDECIDED, Verdict.FAIL}


def test_a_late_regression_is_found_no_slower_for_all_the_good_windows_before():
    def found_after(good):
        state = after(INDEPENDENT, [block(250, 1, 250, 1)] * good)
        for count in range(1, 200):
            state = update(INDEPENDENT, state, block(250, 1, 250, 5))
            if judge(INDEPENDENT, state).verdict is Verdict.FAIL:
                return count
        return None

    assert found_after(600) <= found_after(100) + 1


def test_an_incident_that_hits_both_arms_alike_is_no_evidence():
    calm, incident = block(250, 1, 250, 1), block(250, 50, 250, 50)
    state = after(INDEPENDENT, [calm] * 10 + [incident] * 100 + [calm] * 10)
    assert judge(INDEPENDENT, state).log_e_rollback < 0


def test_windows_in_which_one_arm_was_silent_are_merged_with_the_next():
    apart = after(INDEPENDENT, [block(475, 2, 0, 0), block(0, 0, 25, 1)])
    together = after(INDEPENDENT, [block(475, 2, 25, 1)])
    assert replace(apart, minute=1) == together


def test_the_gap_bound_shrinks_with_clean_traffic_to_nothing_beyond_the_margin():
    bounds = [gap_bound(INDEPENDENT, after(INDEPENDENT, [block()] * count)) for count in (0, 5, 20, 200)]
    assert bounds == sorted(bounds, reverse=True)
    assert (bounds[0], bounds[-1]) == (1.0, 0.0)
    assert 0 < bounds[1] < 0.2


def test_a_challenger_meets_a_fixed_figure_without_a_champion():
    test = ProportionTest(margin=0.02, figure=0.08, dispersion=1.0)
    good, bad = ArmCounts(100, 8), ArmCounts(100, 16)
    assert judge(test, after(test, [Block(challenger=good)] * 60, None)).verdict is Verdict.PASS
    assert judge(test, after(test, [Block(challenger=bad)] * 20, None)).verdict is Verdict.FAIL


def test_better_by_a_margin_is_not_granted_to_an_equal_challenger():
    test = ProportionTest(margin=-0.02, dispersion=1.0)
    equal = after(test, [block(250, 25, 250, 25)] * 200, ArmCounts(10_000, 1000))
    better = after(test, [block(250, 25, 250, 12)] * 200, ArmCounts(10_000, 1000))
    assert judge(test, equal).verdict is Verdict.UNDECIDED
    assert "as it has been so far it would not pass" in judge(test, equal).message
    assert judge(test, better).verdict is Verdict.PASS


def test_a_tolerated_excess_is_no_evidence():
    test = ProportionTest(margin=0.02, tolerated=0.01, dispersion=1.0)
    state = after(test, [block(1000, 5, 1000, 14)] * 50)
    assert log_e_rollback(test, state) < 0


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0},
        {"beta": 1},
        {"ratio": 0},
        {"margin": 1.5},
        {"tolerated": -2},
        {"horizon": 0},
        {"dispersion": 0.5},
        {"figure": 1.2},
    ],
)
def test_a_test_that_makes_no_sense_is_refused(fields):
    with pytest.raises(ValueError, match="must"):
        ProportionTest(**{"margin": 0.01, **fields})


@pytest.mark.parametrize("counts", [(1, 2), (-1, 0), (3, -1)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="bad must lie between"):
        ArmCounts(*counts)


# What the first release wrote after three windows of 475 and 25 requests.
OF_THE_FIRST_RELEASE = {
    "windows": 3,
    "seen": [1425, 6, 75, 1],
    "pending": [0, 0, 0, 0],
    "evidence": pack_floats([0.1 * number for number in range(26)]),
}


def test_the_state_of_the_first_release_goes_on_where_it_stood():
    state = ProportionState.from_dict(OF_THE_FIRST_RELEASE)
    assert (state.windows, state.seen.challenger, state.best_promotion) == (3, ArmCounts(75, 1), 2.5)
    assert judge(INDEPENDENT, state).verdict is Verdict.UNDECIDED
    assert judge(INDEPENDENT, update(INDEPENDENT, state, block())).verdict is Verdict.UNDECIDED


def test_a_window_that_an_earlier_build_held_back_after_a_fall_of_the_weight_is_held_against_nobody():
    """It did not say how far the weight fell, so that the bad answers may be of any traffic."""
    waiting = {**after(INDEPENDENT, [block()] * 3).to_dict(), "pending": [475, 2, 0, 0], "settled": [False, False]}
    before = ProportionState.from_dict(json.loads(json.dumps(waiting)))
    state = update(INDEPENDENT, before, block(challenger_bad=25))
    assert log_e_rollback(INDEPENDENT, state) <= log_e_rollback(INDEPENDENT, before)
    assert judge(INDEPENDENT, state).verdict is Verdict.UNDECIDED


def test_a_bad_half_minute_of_a_working_service_is_no_proof_however_often_it_is_scraped():
    for windows_per_minute in (4, 12):
        test = ProportionTest(margin=0.005, dispersion=1.5, windows_per_minute=windows_per_minute)
        seconds = 60 // windows_per_minute
        calm = after(test, [block(50 * seconds, seconds // 4, 50 * seconds, seconds // 4)] * (5 * windows_per_minute))
        episode = [block(50 * seconds, seconds // 4, 50 * seconds, 2 * seconds)] * (windows_per_minute // 2)
        state = reduce(lambda s, window, test=test: update(test, s, window), episode, calm)
        assert judge(test, state).verdict is not Verdict.FAIL


@pytest.mark.parametrize("dispersion", [3.0, 4.0])
@pytest.mark.parametrize(("champion_groups", "challenger_groups"), [((3, 2), (1,)), ((2, 1), (2,)), ((2, 2), (2, 1))])
def test_requests_that_share_their_fate_in_groups_are_no_evidence_in_either_arm(
    dispersion, champion_groups, challenger_groups
):
    """No group is larger than the dispersion or than its arm: every outcome of the groups is enumerated."""
    test = ProportionTest(margin=0.9, dispersion=dispersion, windows_per_minute=1)
    calm = after(test, [block(40, 8, 40, 8)] * 10, ArmCounts(1000, 200))
    for rate in (0.05, 0.2, 0.5):
        total = [0.0] * len(calm.log_regressions)
        for fates in itertools.product((0, 1), repeat=len(champion_groups) + len(challenger_groups)):
            sizes = (*champion_groups, *challenger_groups)
            bad = [size * fate for size, fate in zip(sizes, fates, strict=True)]
            probability = math.prod(rate if fate else 1 - rate for fate in fates)
            arms = len(champion_groups)
            window = block(sum(champion_groups), sum(bad[:arms]), sum(challenger_groups), sum(bad[arms:]))
            state = update(test, calm, window)
            for effect, (now, then) in enumerate(zip(state.log_regressions, calm.log_regressions, strict=True)):
                total[effect] += probability * math.exp(now - then)
        assert max(total) <= 1 + 1e-9
