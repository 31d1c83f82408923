"""The life of a rollout, decided step by step in a world without a cluster."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.rollout.world import World, spec

from modelrollout.api.identity import version_of
from modelrollout.api.status import Status
from modelrollout.rollout.decide import decide
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.settings import Settings


def serving(**changes: object) -> World:
    """A world in which churn:v1 is the champion."""
    world = World(**changes)  # type: ignore[arg-type]
    return world.run(30)


def rolling_out(bento: str = "churn:v2", **changes: object) -> World:
    world = serving(**changes)
    world.apply(spec(bento))
    return world


def test_the_first_version_becomes_champion_with_all_traffic() -> None:
    world = serving()
    assert world.share("churn:v1") == 100
    assert world.reasons() == ["ChampionDeploying", "ChampionServing"]
    assert (world.condition("Ready"), world.condition("Promoted"), world.condition("Stalled")) == ("True", "True", None)


def test_a_good_challenger_is_promoted_and_the_old_champion_let_go() -> None:
    world = rolling_out().run(600)
    assert world.status.champion is not None
    assert world.status.champion.bento == "churn:v2"
    assert world.share("churn:v2") == 100
    assert {world.bentos[key] for key in world.pods} == {"churn:v2"}
    assert world.condition("Ready") == "True"
    assert world.reasons()[2:] == [
        "RolloutStarted",
        "RampStarted",
        "WeightRaised",
        "PromotionStarted",
        "Promoted",
        "WatchPassed",
    ]


def test_weights_pass_through_every_step() -> None:
    world = rolling_out().run(600)
    shares = [weights.get(world.status.champion.hash, 0) for weights in world.history if world.status.champion]
    changes = [share for share, before in zip(shares[1:], shares, strict=False) if share != before]
    assert changes == [10, 50, 95, 100]


def test_a_bad_challenger_is_rolled_back_and_quarantined() -> None:
    world = rolling_out(error_rates={"churn:v2": 0.5}).run(120)
    assert world.share("churn:v1") == 100
    assert world.status.challenger is None
    assert [entry.bento for entry in world.status.quarantine] == ["churn:v2"]
    assert (world.condition("Stalled"), world.reason("Stalled")) == ("True", "RolledBack")
    assert {world.bentos[key] for key in world.pods} == {"churn:v1"}


def test_a_quarantined_version_is_not_tried_again_when_the_operator_restarts_or_the_spec_is_synced() -> None:
    world = rolling_out(error_rates={"churn:v2": 0.5}).run(120)
    world.generation += 1
    before = world.reasons()
    world.run(300)
    assert world.reasons() == before


def test_a_retry_tries_a_quarantined_version_once_more_with_a_smaller_error_budget() -> None:
    world = rolling_out(error_rates={"churn:v2": 0.5}).run(120)
    world.commands["retry"] = "1"
    world.step()
    assert world.status.rollout is not None
    assert world.status.rollout.attempt == 2
    world.run(300)
    assert world.reasons().count("GateFailed") == 2
    assert world.status.quarantine[0].failures == 2


def test_a_challenger_that_never_gets_ready_is_rolled_back_without_having_had_traffic() -> None:
    world = rolling_out(starts={"churn:v2": None}, spec=spec(serving={"progressDeadline": "60s"}))
    world.apply(spec("churn:v2", serving={"progressDeadline": "60s"}))
    world.run(120)
    assert "ChallengerNotReady" in world.reasons()
    assert all(
        world.bentos[key] != "churn:v2" or weight == 0 for weights in world.history for key, weight in weights.items()
    )
    assert "CrashLoopBackOff" in world.status.quarantine[0].message


def test_a_challenger_that_loses_its_pods_loses_its_traffic_at_once() -> None:
    world = rolling_out().run(25)
    assert world.share("churn:v2") == 10
    world.starts["churn:v2"] = None
    world.step()
    assert world.share("churn:v1") == 100
    world.starts["churn:v2"] = 0
    world.step()
    assert world.share("churn:v2") == 10


def test_if_only_the_challenger_has_ready_pods_it_serves() -> None:
    world = rolling_out().run(25)
    world.starts["churn:v1"] = None
    world.step()
    assert world.share("churn:v2") == 100
    assert world.status.challenger is not None


@pytest.mark.parametrize("prometheus", ["down", "empty"])
def test_without_metrics_the_weight_holds_and_goes_on_when_they_are_back(prometheus: str) -> None:
    world = rolling_out().run(25)
    world.prometheus = prometheus
    world.run(300)
    assert world.share("churn:v2") == 10
    assert (world.condition("MetricsAvailable"), world.reason("Ready")) == ("False", "MetricsUnavailable")
    world.prometheus = "up"
    world.run(400)
    assert world.share("churn:v2") == 100


def test_naming_the_champion_again_ends_the_rollout_without_quarantine() -> None:
    world = rolling_out().run(25)
    world.apply(spec("churn:v1"))
    world.step()
    assert world.share("churn:v1") == 100
    assert world.status.quarantine == ()
    assert world.condition("Ready") == "True"


def test_a_new_edit_replaces_the_challenger_and_keeps_the_champion() -> None:
    world = rolling_out().run(25)
    world.apply(spec("churn:v3"))
    world.step()
    assert world.share("churn:v1") == 100
    assert world.status.challenger is not None
    assert world.status.challenger.bento == "churn:v3"
    world.run(600)
    assert world.share("churn:v3") == 100


def test_a_regression_after_promotion_returns_to_the_old_champion() -> None:
    world = rolling_out()
    while "Promoted" not in world.reasons():
        world.step()
    world.error_rates["churn:v2"] = 0.5
    world.run(30)
    assert world.share("churn:v1") == 100
    assert world.reasons()[-1] == "RegressedAfterPromotion"
    assert (world.condition("Ready"), world.reason("Stalled")) == ("False", "RolledBack")


def test_naming_the_old_champion_during_the_watch_undoes_the_promotion_at_once() -> None:
    world = rolling_out()
    while "Promoted" not in world.reasons():
        world.step()
    world.apply(spec("churn:v1"))
    world.step()
    assert world.share("churn:v1") == 100
    assert world.status.quarantine == ()


def test_suspension_leaves_everything_as_it_is() -> None:
    world = rolling_out().run(25)
    world.apply(spec("churn:v2", suspend=True))
    plan = world.step()
    assert plan.placement is None
    assert (world.share("churn:v2"), world.status.phase) == (10, "Suspended")


def test_a_step_that_wants_an_approval_waits_for_one_given_during_that_step() -> None:
    steps = {"steps": [{"weight": 10, "approval": True}, {"weight": 50}], "holdBack": {"for": "0s"}}
    world = serving(commands={"approve": "stale"})
    world.apply(spec("churn:v2", strategy=steps))
    world.run(200)
    assert (world.share("churn:v2"), world.reason("Ready")) == (10, "AwaitingApproval")
    world.commands["approve"] = "ann"
    world.run(30)
    assert world.share("churn:v2") > 10


@pytest.mark.parametrize(("command", "share"), [("abort", 0), ("promote", 95)])
def test_commands_end_a_rollout(command: str, share: int) -> None:
    world = rolling_out().run(25)
    world.commands[command] = "now"
    world.step()
    world.step()
    assert world.share("churn:v2") == share


def test_the_challengers_pods_grow_before_its_weight() -> None:
    world = rolling_out(spec=spec(serving={"replicas": 4}))
    world.apply(spec("churn:v2", serving={"replicas": 4}))
    for _ in range(120):
        world.step()
        for key, weight in world.weights.items():
            assert world.ready(key) * 25 >= weight or world.bentos[key] == "churn:v1"
    assert world.share("churn:v2") == 100


CRASHES = st.sampled_from(["none", "before the status is written", "between status and effects"])


@given(st.lists(CRASHES, max_size=60))
def test_wherever_the_operator_dies_no_step_is_skipped_or_taken_twice(crashes: list[str]) -> None:
    world = rolling_out()
    for crash in crashes:
        world.step(crash)
    world.run(600)
    assert world.share("churn:v2") == 100
    taken = [event.message.split(":")[1] for event in world.events if event.reason in {"RampStarted", "WeightRaised"}]
    assert taken == ["v2 is ready and gets weight 10", "v2 gets weight 50"]


@given(st.lists(CRASHES, max_size=40))
def test_wherever_the_operator_dies_a_bad_challenger_is_rolled_back_once(crashes: list[str]) -> None:
    world = rolling_out(error_rates={"churn:v2": 0.5})
    for crash in crashes:
        world.step(crash)
    world.run(200)
    assert world.share("churn:v1") == 100
    assert [event.reason for event in world.events].count("GateFailed") == 1
    assert world.status.quarantine[0].failures == 1


def test_steady_state_says_nothing_new() -> None:
    world = rolling_out().run(800)
    plan = world.step()
    assert not plan.significant
    assert plan.events == ()
    assert plan.requeue_after is None


@pytest.mark.parametrize(("second", "seconds"), [(0.0, 1.0), (0.5, 0.5), (1.0, 15.0), (1.5, 14.5), (14.9, 1.1)])
def test_the_next_look_is_due_when_the_next_window_can_be_read(second: float, seconds: float) -> None:
    status = Status(challenger=version_of(spec("churn:v2").model))
    now = datetime.fromtimestamp(1_800_000_000 + second, UTC)
    settings = Settings(scrape_interval=15.0, scrape_lag=1.0)
    plan = decide(spec("churn:v2"), 1, status, Observation(), settings, now)
    assert plan.requeue_after == pytest.approx(seconds)


def test_scrapes_that_are_still_to_come_are_no_outage_but_no_step_is_taken_without_them() -> None:
    world = rolling_out().run(15)
    world.prometheus = "empty"
    while world.status.rollout is None or world.status.rollout.ramping_since is None:
        world.step()
    world.step()
    assert world.condition("MetricsAvailable") == "True"
    world.run(60)
    assert (world.share("churn:v2"), world.condition("MetricsAvailable")) == (10, "False")


@pytest.mark.parametrize(("after", "late"), [("1h", False), ("90s", True)])
def test_a_verdict_says_whether_it_can_come_before_the_deadline(after: str, late: bool) -> None:
    strategy = {"steps": [{"weight": 10}], "deadline": {"after": after}}
    world = serving(requests_per_second=20.0)
    world.apply(spec("churn:v2", strategy=strategy))
    world.run(60)
    assert world.status.gates[0].verdict == "Undecided"
    assert ("after the deadline" in world.status.gates[0].message) is late
