"""The stages of a rollout, and what holds one at each of them."""

from typing import Any

import pytest
from tests.unit.rollout.world import START, World, spec

from modelrollout.api.status import RolloutProgress, Stage, Status
from modelrollout.rollout.draft import ProgressChanges, StatusChanges
from modelrollout.rollout.life import life_of
from modelrollout.rollout.stages.table import STAGES

BEGUN = {
    "startedAt": "2026-11-24T12:00:00Z",
    "step": 0,
    "stepSince": "2026-11-24T12:00:00Z",
    "targetWeight": 10,
    "attempt": 1,
}


@pytest.mark.parametrize(
    ("times", "stage", "since"),
    [
        ({}, Stage.PREPARING, 0),
        ({"rampingSince": "2026-11-24T12:01:00Z"}, Stage.RAMPING, 60),
        (
            {"rampingSince": "2026-11-24T12:01:00Z", "promotingSince": "2026-11-24T12:02:00Z"},
            Stage.PROMOTING,
            120,
        ),
    ],
)
def test_a_status_of_the_last_release_says_its_stage_by_its_times(
    times: dict[str, Any], stage: Stage, since: int
) -> None:
    progress = RolloutProgress.model_validate(BEGUN | times)
    assert (progress.stage, (progress.since - START).total_seconds()) == (stage, since)


@pytest.mark.parametrize("seconds", range(0, 120, 20))
def test_a_rollout_goes_on_undisturbed_from_a_status_of_the_last_release(seconds: int) -> None:
    world = World().run(30)
    world.apply(spec("churn:v2"))
    world.run(seconds)
    written = world.status.manifest()
    if progress := written.get("rollout"):
        stage, since = progress.pop("stage"), progress.pop("since")
        if stage == Stage.PROMOTING:
            progress["promotingSince"] = since
    world.status = Status.model_validate(written)
    world.run(600)
    assert world.reasons()[2:] == [
        "RolloutStarted",
        "RampStarted",
        "WeightRaised",
        "PromotionStarted",
        "Promoted",
        "WatchPassed",
    ]


def test_every_stage_has_rules() -> None:
    assert STAGES.keys() == set(Stage)


@pytest.mark.parametrize("error_rate", [0.005, 0.5])
@pytest.mark.parametrize("command", ["none", "abort", "promote"])
@pytest.mark.parametrize("back", [20, 60, 100, 200])
def test_a_stage_is_followed_only_by_those_that_its_rules_name(error_rate: float, command: str, back: int) -> None:
    world = World(error_rates={"churn:v2": error_rate}).run(30)
    world.apply(spec("churn:v2"))
    before = Stage.SERVING
    for second in range(0, 300, 5):
        if second == 40:
            world.commands = {command: "now"}
        if second == back:
            world.apply(spec("churn:v3"))
        world.step()
        life = life_of(world.status)
        assert life is not None
        assert life.stage is before or life.stage in STAGES[before].successors
        before = life.stage


@pytest.mark.parametrize(("changes", "model"), [(StatusChanges, Status), (ProgressChanges, RolloutProgress)])
def test_what_a_decision_changes_is_a_field(changes: type, model: type[Status] | type[RolloutProgress]) -> None:
    assert changes.__annotations__.keys() <= model.model_fields.keys()
