"""A window whose late answers are still awaited counts only as far as they cannot change it."""

import json
from functools import reduce

import pytest
from tests.unit.evidence.proportions import INDEPENDENT, after, block

from modelrollout.evidence import (
    ProportionState,
    update,
)
from modelrollout.evidence.proportion import log_e_rollback
from modelrollout.evidence.sequential import Settled


@pytest.mark.parametrize(("settled", "moved"), [(Settled(False), True), (Settled(False, 0.5, 0.5), False)])
def test_a_window_that_is_not_settled_counts_for_nothing_that_late_answers_could_fake(settled, moved):
    before = after(INDEPENDENT, [block()] * 3)
    state = update(INDEPENDENT, before, block(challenger_bad=1), settled)
    assert state.log_improvements == before.log_improvements
    assert state.log_ladder == before.log_ladder
    assert (log_e_rollback(INDEPENDENT, state) > log_e_rollback(INDEPENDENT, before)) is moved
    assert state.seen == before.seen + block(challenger_bad=1)


def test_more_bad_answers_than_late_ones_explain_count_at_once():
    before = after(INDEPENDENT, [block()] * 3)
    state = update(INDEPENDENT, before, block(challenger_bad=20), Settled(False, 0.5, 0.5))
    assert log_e_rollback(INDEPENDENT, state) > log_e_rollback(INDEPENDENT, before) + 2


def test_little_traffic_speaks_for_a_challenger_only_once_while_late_answers_are_awaited():
    waiting = Settled(False, 0.5, 0.5)
    before = after(INDEPENDENT, [block(challenger_bad=3)] * 3)
    once = update(INDEPENDENT, before, block(challenger_total=5, challenger_bad=0), waiting)
    assert log_e_rollback(INDEPENDENT, once) >= log_e_rollback(INDEPENDENT, before) - 0.7
    once = ProportionState.from_dict(json.loads(json.dumps(once.to_dict())))
    again = reduce(
        lambda s, _: update(INDEPENDENT, s, block(challenger_total=5, challenger_bad=0), waiting), range(9), once
    )
    assert again.log_regressions == once.log_regressions


def test_a_window_merged_with_one_that_is_not_settled_is_not_settled():
    before = after(INDEPENDENT, [block()] * 3)
    waiting = update(INDEPENDENT, before, block(475, 2, 0, 0), Settled(False))
    waiting = ProportionState.from_dict(json.loads(json.dumps(waiting.to_dict())))
    assert update(INDEPENDENT, waiting, block()).log_improvements == before.log_improvements
