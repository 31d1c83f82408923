"""What changes only in its words reaches the status too, and not too often."""

from datetime import timedelta

from tests.unit.rollout.fragile import Written
from tests.unit.rollout.world import World

from modelrollout.api.status import Status


def test_a_first_champion_that_crashes_is_told_within_seconds_and_at_a_bounded_rate() -> None:
    world = Written(down={"churn:v1"})
    world.run(60)
    world.problem = "CrashLoopBackOff: exit code 1"
    world.run(20)
    assert world.message() == "churn:v1 is starting: CrashLoopBackOff: exit code 1"
    world.writes = 0
    for second in range(0, 300, 5):
        world.problem = f"CrashLoopBackOff: after {second} s"
        world.step()
    assert 10 <= world.writes <= 20


def test_words_that_may_not_be_written_yet_are_written_without_any_event() -> None:
    world = Written()
    world.run(600)
    world.problem, world.down = "", {"churn:v1"}
    world.step()
    world.problem = "Evicted: the node was low on memory"
    plan = world.step()
    assert plan.requeue_after
    assert plan.requeue_after <= 15


def test_where_nothing_changes_nothing_is_written() -> None:
    world = Written()
    world.run(120)
    world.writes = 0
    world.now += timedelta(days=3)
    world.run(600)
    assert world.writes == 0


def test_a_status_without_the_time_of_the_last_look_is_no_reason_to_write() -> None:
    world = World().run(120)
    world.status = Status.model_validate(world.status.model_copy(update={"looked_at": None}).model_dump())
    assert not world.step().significant
