"""What is told before anything is deployed comes true."""

from random import Random
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.world import World, spec

from modelrollout.evidence.proportion import UNMEASURED_DISPERSION
from modelrollout.offline.ending import Ending
from modelrollout.offline.estimates import Estimator, Regression, weights
from modelrollout.offline.expected import Course, Traffic, expected_course
from modelrollout.rollout.settings import Settings

SETTINGS = Settings(scrape_interval=5.0)
RATE = 0.005
SERVICE = {"baseline": {"service": {"bento": "majority:v1", "image": "registry.example/majority:v1", "weight": 10}}}
HALF = {"steps": [{"weight": 50}], "deadline": {"after": "2h"}}


def traffic(requests_per_second: float, challenger: float = RATE) -> Traffic:
    champion = {"errors": RATE}
    return Traffic(requests_per_second, champion, champion, {"errors": challenger}, UNMEASURED_DISPERSION)


def course(requests_per_second: float, challenger: float = RATE, **changes: Any) -> Course:
    return expected_course(spec("churn:v2", **changes), traffic(requests_per_second, challenger), SETTINGS)


def lived(ending: str, requests_per_second: float, challenger: float, seed: int, **changes: Any) -> float:
    """Seconds from the first weight to the ending of a rollout with random requests."""
    world = World(
        spec("churn:v1", strategy=HALF, **changes),
        error_rates={"churn:v1": RATE, "churn:v2": challenger, "majority:v1": RATE},
        requests_per_second=requests_per_second,
        dice=Random(seed),
    ).run(30)
    world.apply(spec("churn:v2", strategy=HALF, **changes))
    began = None
    while ending not in world.reasons():
        world.step()
        began = began or (world.status.rollout and world.status.rollout.ramping_since)
    assert began is not None
    return (world.now - began).total_seconds()


@pytest.mark.parametrize("changes", [{}, SERVICE], ids=["beside a champion", "beside a baseline"])
@pytest.mark.parametrize("requests_per_second", [10.0, 40.0])
def test_a_good_challenger_is_promoted_about_when_expected(requests_per_second: float, changes: dict[str, Any]) -> None:
    expected = course(requests_per_second, strategy=HALF, **changes)
    seen = median(lived("PromotionStarted", requests_per_second, RATE, seed, **changes) for seed in range(15))
    assert expected.ending is Ending.PROMOTED
    assert 0.5 < expected.seconds / seen < 2


@pytest.mark.parametrize(("requests_per_second", "challenger"), [(10.0, 0.1), (40.0, 0.05), (100.0, 0.03)])
def test_a_bad_challenger_is_rolled_back_about_when_expected(requests_per_second: float, challenger: float) -> None:
    expected = course(requests_per_second, challenger, strategy=HALF)
    seen = median(lived("GateFailed", requests_per_second, challenger, seed) for seed in range(15))
    assert expected.ending is Ending.ROLLED_BACK
    assert 0.5 < expected.seconds / seen < 2


def test_a_warm_up_delays_the_decision_by_as_long() -> None:
    rates = {"slow": RATE}
    slow = Traffic(40.0, rates, rates, rates, UNMEASURED_DISPERSION)
    courses = {
        warm_up: expected_course(
            spec(
                "churn:v2",
                strategy=HALF,
                # Late answers are waited for at the same time.
                serving={"requestTimeout": "0s"},
                gates=[{"name": "slow", "latency": {"threshold": "1s", "warmUp": warm_up}}],
            ),
            slow,
            SETTINGS,
        )
        for warm_up in ("0s", "10m")
    }
    assert {course.ending for course in courses.values()} == {Ending.PROMOTED}
    assert courses["10m"].seconds - courses["0s"].seconds == pytest.approx(600, abs=60)


@given(st.floats(0.5, 50), st.floats(2, 10))
def test_more_traffic_decides_no_later(requests_per_second: float, factor: float) -> None:
    slow, fast = course(requests_per_second), course(requests_per_second * factor)
    # Evidence is capped by the minute, and where a minute begins depends on when the first step was over.
    assert fast.seconds <= slow.seconds + 60


@given(st.floats(0.5, 50), st.sampled_from([RATE, 0.02, 0.2]))
def test_the_requests_of_a_course_are_those_that_its_weights_let_through(
    requests_per_second: float, challenger: float
) -> None:
    found = course(requests_per_second, challenger)
    passed, left = 0.0, found.seconds
    for stage in found.stages:
        passed += stage.share * stage.requests_per_second * min(left, stage.seconds)
        left -= min(left, stage.seconds)
    looks = 2 * requests_per_second * SETTINGS.scrape_interval
    assert found.requests == pytest.approx(passed, rel=0.1, abs=looks + 1)


def test_steps_are_gone_through_in_their_order_and_held() -> None:
    stages = course(1000.0).stages
    assert [stage.share for stage in stages] == [0.1, 0.5]
    assert stages[0].seconds >= 20


def test_approvals_are_taken_for_given_at_once() -> None:
    steps = {"steps": [{"weight": 10, "approval": True}, {"weight": 50}]}
    assert course(100.0, strategy=steps).ending is Ending.PROMOTED


@pytest.mark.parametrize("action", ["Hold", "Rollback"])
def test_a_deadline_that_cannot_be_met_is_seen_coming(action: str) -> None:
    found = course(0.01, strategy={**HALF, "deadline": {"after": "1h", "action": action}})
    assert found.ending is (Ending.UNDECIDED if action == "Hold" else Ending.ROLLED_BACK)
    assert found.seconds == pytest.approx(3600, rel=0.05)


def estimator(requests_per_second: float = 10.0, **changes: Any) -> Estimator:
    return Estimator(spec("churn:v2", **changes), traffic(requests_per_second), SETTINGS)


def test_every_gate_is_estimated_at_every_weight() -> None:
    assert [(e.gate, e.weight) for e in estimator().passes()] == [("errors", 10), ("errors", 50)]
    assert [e.weight for e in estimator(strategy={"ramp": {"maxWeight": 30}}).passes()] == [1, 2, 5, 10, 25, 30]


def test_beside_a_small_baseline_it_takes_longer_and_beside_none_forever() -> None:
    narrow = {"gates": [{"name": "errors", "errorRate": {"maxIncrease": "0.5%"}}]}
    for beside_champion, beside_service in zip(
        estimator(**narrow).passes(), estimator(**narrow, **SERVICE).passes(), strict=True
    ):
        assert 1.2 * beside_champion.seconds < beside_service.seconds < float("inf")
    whole = estimator(strategy={"steps": [{"weight": 100}]}, **SERVICE)
    assert next(iter(whole.passes())).requests == float("inf")


def test_a_wider_margin_takes_fewer_requests_and_a_worse_challenger_too() -> None:
    narrow, wide = (
        next(iter(estimator(gates=[{"name": "errors", "errorRate": {"maxIncrease": margin}}]).passes())).requests
        for margin in ("1%", "4%")
    )
    worse, worst = (next(iter(estimator().rollbacks(Regression.parse(text)))).requests for text in ("+1%", "+5%"))
    assert narrow > wide
    assert worse > worst


def test_what_is_tolerated_is_never_rolled_back() -> None:
    tolerant = estimator(gates=[{"name": "errors", "errorRate": {"maxIncrease": "2%", "tolerated": "1.5%"}}])
    found = next(iter(tolerant.rollbacks(Regression.parse("+1%"))))
    assert (found.requests, found.chance) == (float("inf"), 0.0)


def test_without_a_champion_beside_it_nothing_is_compared() -> None:
    whole = estimator(strategy={"steps": [{"weight": 100}]})
    assert next(iter(whole.passes())).requests == float("inf")
    assert next(iter(whole.rollbacks(Regression.parse("x10")))).requests == float("inf")


def test_the_chance_to_be_in_time_falls_with_the_traffic() -> None:
    chances = []
    for requests_per_second in (0.05, 0.2, 1.0, 10.0):
        changed = estimator(requests_per_second, strategy=HALF)
        chances.append(changed.chance_of_promotion(course(requests_per_second, strategy=HALF)))
    assert chances == sorted(chances)
    assert chances[0] < 0.2
    assert chances[-1] > 0.95


def test_a_challenger_that_does_everything_wrong_is_found_out() -> None:
    found = list(estimator().rollbacks(Regression.parse("+100%")))
    assert all(estimate.requests < 12 for estimate in found)


@given(st.floats(0.001, 0.5), st.integers(1, 50))
def test_a_regression_makes_a_challenger_worse_but_never_worse_than_all_bad(rate: float, amount: int) -> None:
    for text in (f"+{amount}%", f"x{amount + 1}"):
        assert rate < Regression.parse(text).applied_to(rate) <= 1


@pytest.mark.parametrize("text", ["", "1%", "-1%", "+1", "x1", "x0.9", "+0%", "1.5x", "x-2", "+1%%"])
def test_what_makes_nothing_worse_is_no_regression(text: str) -> None:
    with pytest.raises(ValueError, match="must "):
        Regression.parse(text)


def test_the_weights_of_the_manifest_are_those_that_are_planned_for() -> None:
    assert weights(spec("churn:v2")) == [10, 50]
    assert weights(spec("churn:v2", strategy={})) == [1, 2, 5, 10, 25, 50]
