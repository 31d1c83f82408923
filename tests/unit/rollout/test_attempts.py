"""Every comparison that began counts: no repeat buys a verdict."""

from tests.unit.rollout.world import World, spec

from modelrollout.api.identity import version_of


def compared(world: World, bento: str) -> int:
    wanted = version_of(spec(bento).model).hash
    return next((entry.times for entry in world.status.compared if entry.hash == wanted), 0)


def test_a_comparison_that_was_cancelled_counts() -> None:
    world = World().run(30)
    for times in (1, 2, 3):
        world.apply(spec("churn:v2"))
        world.run(40)
        assert world.status.rollout
        assert world.status.rollout.attempt == times
        world.apply(spec("churn:v1"))
        world.run(60)
    assert compared(world, "churn:v2") == 3


def test_a_gate_that_is_edited_begins_a_further_comparison() -> None:
    world = World().run(30)
    world.apply(spec("churn:v2"))
    world.run(40)
    world.apply(spec("churn:v2", gates=[{"name": "errors", "errorRate": {"maxIncrease": "3%"}}]))
    world.run(10)
    assert world.status.rollout
    assert world.status.rollout.attempt == 2
    assert compared(world, "churn:v2") == 2


def test_the_watch_goes_on_with_the_attempt_of_its_rollout() -> None:
    world = World().run(30)
    world.apply(spec("churn:v2"))
    world.run(40)
    world.apply(spec("churn:v1"))
    world.run(30)
    world.apply(spec("churn:v2"))
    while world.status.watch is None:
        world.step()
    assert world.status.watch.attempt == 2
