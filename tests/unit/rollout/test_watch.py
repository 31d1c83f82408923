"""The watch after a promotion is passed by what was measured, not by the clock alone."""

import pytest
from tests.unit.rollout.fragile import Fragile, rolling_out
from tests.unit.rollout.world import spec


def watched(**changes: object) -> Fragile:
    world = rolling_out(**changes)
    while world.status.watch is None:
        world.step()
    return world


def test_a_new_champion_that_lost_its_pods_at_the_end_of_the_watch_is_taken_back() -> None:
    world = watched()
    world.down.add("churn:v2")
    world.run(90)
    assert (world.share("churn:v1"), world.reasons()[-1]) == (100, "LostItsPods")
    assert [entry.bento for entry in world.status.quarantine] == ["churn:v2"]


def test_a_new_champion_without_pods_for_the_progress_deadline_is_taken_back() -> None:
    strategy = {"steps": [{"weight": 50, "hold": "10s"}], "holdBack": {"for": "10h"}}
    world = watched(spec=spec(strategy=strategy, serving={"progressDeadline": "2m"}))
    world.down.add("churn:v2")
    world.run(100)
    assert world.status.previous
    world.run(60)
    assert world.reasons()[-1] == "LostItsPods"


def test_pods_that_were_gone_for_a_moment_undo_no_promotion() -> None:
    world = watched()
    world.run(45)
    world.down.add("churn:v2")
    world.run(20)
    world.down.clear()
    world.run(60)
    assert world.reasons()[-1] == "WatchPassed"


def test_a_watch_that_measured_nothing_goes_on_and_says_so() -> None:
    world = watched()
    world.requests_per_second = 0
    world.run(900)
    assert (world.status.phase, world.reason("Ready"), world.condition("Ready")) == (
        "Watching",
        "WatchProlonged",
        "True",
    )
    assert "no request of churn:v2 was measured" in world.message()
    world.requests_per_second = 50
    world.run(20)
    assert world.reasons()[-1] == "WatchPassed"


def test_somebody_can_let_the_old_champion_go_although_nothing_was_measured() -> None:
    world = watched()
    world.requests_per_second = 0
    world.run(300)
    world.commands["approve"] = "ann"
    world.run(10)
    assert world.reasons()[-1] == "WatchPassed"


def test_a_watch_that_the_manifest_does_not_want_ends_at_once() -> None:
    world = rolling_out(spec=spec(strategy={"steps": [{"weight": 50}], "holdBack": {"for": "0s"}}))
    world.run(300)
    assert world.reasons()[-1] == "WatchPassed"


@pytest.mark.parametrize("what", ["the metrics are down", "there are none"])
def test_metrics_that_are_missing_during_the_watch_are_told(what: str) -> None:
    world = watched()
    world.prometheus = "down" if what == "the metrics are down" else "empty"
    world.run(60)
    assert world.condition("MetricsAvailable") == "False"
