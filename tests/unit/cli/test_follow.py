"""When a rollout counts as decided."""

from collections.abc import Callable

import pytest
from tests.unit.cli import worlds
from tests.unit.rollout.world import World, spec

from modelrollout.api.status import Phase
from modelrollout.cli.console import CommandFailed
from modelrollout.cli.follow import is_over, present_ending, progress
from modelrollout.offline.ending import Ending


def cancelled() -> World:
    world = worlds.rolling_out()
    world.apply(spec("churn:v1"))
    return world.run(10)


def starting() -> World:
    return World(starts={"churn:v1": None}).run(30)


def unseen() -> World:
    world = worlds.serving()
    world.apply(spec("churn:v2"))
    return world


@pytest.mark.parametrize(
    ("world", "ending", "over"),
    [
        (World, Ending.UNDECIDED, False),
        (starting, Ending.UNDECIDED, False),
        (worlds.serving, Ending.PROMOTED, True),
        (unseen, Ending.UNDECIDED, False),
        (worlds.rolling_out, Ending.UNDECIDED, False),
        (worlds.promoting, Ending.UNDECIDED, False),
        (worlds.watched, Ending.PROMOTED, False),
        (worlds.decided, Ending.PROMOTED, True),
        (worlds.rolled_back, Ending.ROLLED_BACK, True),
        (worlds.retried, Ending.UNDECIDED, False),
        (cancelled, Ending.PROMOTED, True),
    ],
)
def test_the_ending_of_the_version_in_the_spec(world: Callable[[], World], ending: Ending, over: bool) -> None:
    rollout = worlds.rollout(world())
    assert (present_ending(rollout), is_over(rollout)) == (ending, over)


def test_a_manifest_that_the_operator_refuses_ends_the_wait() -> None:
    world = worlds.serving()
    world.status = world.status.model_copy(update={"phase": Phase.INVALID, "verdict": "spec.gates: is required"})
    with pytest.raises(CommandFailed, match=r"refuses the manifest of churn: spec\.gates: is required"):
        present_ending(worlds.rollout(world))


def test_progress_is_phase_weight_and_verdict_in_a_line() -> None:
    world = worlds.rolling_out()
    assert progress(worlds.rollout(world)) == f"Ramping  10 %  {world.status.verdict}"
    assert progress(worlds.rollout(worlds.serving())) == "Stable  churn:v1 has all of the traffic"


def test_progress_does_not_pass_old_news_for_new() -> None:
    assert progress(worlds.rollout(unseen())) == "the operator has not looked at the latest change yet"
