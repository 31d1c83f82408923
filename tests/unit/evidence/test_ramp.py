import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.evidence.ramp import RiskBudget, next_weight, remaining

BUDGET = RiskBudget(bad_requests=100)


@given(
    weight=st.sampled_from((0, *BUDGET.steps)),
    seen=st.integers(0, 10**6),
    bound=st.floats(0, 1),
    traffic=st.floats(0, 1e4),
)
def test_a_weight_is_one_of_the_steps_and_what_is_at_risk_stays_within_the_budget(weight, seen, bound, traffic):
    chosen = next_weight(BUDGET, weight, seen, bound, traffic)
    assert chosen in BUDGET.steps
    if chosen > BUDGET.steps[0]:
        at_risk = traffic * chosen / 100 * bound * BUDGET.reaction_seconds
        allowed = BUDGET.spend * remaining(BUDGET, seen, bound) * (1 + 1e-9)
        assert at_risk <= (allowed if chosen > weight else allowed * BUDGET.slack)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**5))
def test_a_tighter_bound_never_means_less_traffic(one, other, seen):
    tight, loose = sorted((one, other))
    assert next_weight(BUDGET, 10, seen, tight, 100) >= next_weight(BUDGET, 10, seen, loose, 100)


@pytest.mark.parametrize(
    ("weight", "bound", "traffic", "expected"),
    [
        (0, 1.0, 100, 1),
        (1, 0.2, 100, 2),
        (5, 0.02, 100, 10),
        (25, 0.005, 100, 50),
        (1, 0.005, 100, 2),
        (50, 0.5, 100, 1),
        (0, 1.0, 0, 1),
    ],
)
def test_the_ramp_climbs_as_harm_is_excluded_and_no_faster_than_it_may_grow(weight, bound, traffic, expected):
    assert next_weight(BUDGET, weight, 100, bound, traffic) == expected


def test_traffic_that_varies_a_little_does_not_move_a_weight_to_and_fro():
    weights = [next_weight(BUDGET, 10, 100, 0.1, traffic) for traffic in (100, 120, 130, 110, 150, 100)]
    assert weights == [10] * 6
    assert next_weight(BUDGET, 10, 100, 0.1, 300) < 10


def test_a_spent_budget_holds_the_first_step():
    assert remaining(BUDGET, 1_000, 0.2) == 0
    assert next_weight(BUDGET, 10, 1_000, 0.2, 10) == BUDGET.steps[0]


@pytest.mark.parametrize("steps", [(), (5, 2), (1, 1)])
def test_steps_that_do_not_ascend_are_refused(steps):
    with pytest.raises(ValueError, match="ascend"):
        RiskBudget(10, steps)
