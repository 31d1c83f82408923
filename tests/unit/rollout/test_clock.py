"""Time in which nobody was to decide, or was there to, counts towards no deadline."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.rollout.fragile import Fragile, Written, rolling_out
from tests.unit.rollout.world import spec


def suspend(world: Fragile) -> None:
    wanted = world.spec
    world.apply(wanted.model_copy(update={"suspend": True}))
    world.run(1800)
    world.apply(wanted)


def leave(world: Fragile) -> None:
    world.now += timedelta(minutes=30)


def leave_while_suspended(world: Fragile) -> None:
    wanted = world.spec
    world.apply(wanted.model_copy(update={"suspend": True}))
    world.step()
    world.now += timedelta(minutes=30)
    world.apply(wanted)


PAUSES: dict[str, Callable[[Fragile], None]] = {
    "suspended": suspend,
    "the operator was away": leave,
    "both": leave_while_suspended,
}


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("name", ["deadline", "metricsDeadline"])
def test_the_deadlines_of_a_rollout_go_on_where_they_stood(pause: str, name: str) -> None:
    strategy = {"steps": [{"weight": 10, "approval": True}], name: {"after": "5m", "action": "Rollback"}}
    world = rolling_out(40, spec=spec(strategy=strategy), requests_per_second=0.5)
    if name == "metricsDeadline":
        world.prometheus = "down"
        world.step()
    PAUSES[pause](world)
    world.run(200)
    assert world.status.challenger
    world.run(120)
    assert world.status.challenger is None
    assert world.reasons()[-1] in ("DeadlineExceeded", "MetricsDeadlineExceeded")


@pytest.mark.parametrize("pause", PAUSES)
def test_so_does_the_time_that_pods_may_take_to_start(pause: str) -> None:
    world = rolling_out(20, spec=spec(serving={"progressDeadline": "5m"}), starts={"churn:v2": None})
    PAUSES[pause](world)
    world.run(240)
    assert world.status.challenger
    world.run(120)
    assert world.reasons()[-1] == "ChallengerNotReady"


@pytest.mark.parametrize("pause", PAUSES)
def test_so_does_the_watch(pause: str) -> None:
    world = rolling_out()
    while world.status.watch is None:
        world.step()
    PAUSES[pause](world)
    world.step()
    assert world.status.watch
    world.run(90)
    assert world.reasons()[-1] == "WatchPassed"


def test_a_challenger_that_passes_every_gate_is_not_rolled_back_by_a_deadline() -> None:
    strategy = {"steps": [{"weight": 10, "approval": True}], "deadline": {"after": "5m", "action": "Rollback"}}
    world = rolling_out(spec=spec(strategy=strategy))
    world.run(1200)
    assert world.status.challenger
    world.commands["approve"] = "ann"
    world.run(300)
    assert "Promoted" in world.reasons()


def test_how_long_the_operator_was_away_is_known_from_what_it_wrote() -> None:
    """Only significant statuses are written, which must be often enough to tell a restart from an absence."""
    lasting = spec("churn:v2", strategy={"steps": [{"weight": 10, "hold": "10h"}]})
    world = Written(requests_per_second=2).run(60)
    world.apply(lasting)
    world.run(40)
    for _ in range(120):
        world.step()
        assert world.status.looked_at
        assert world.now - world.status.looked_at < timedelta(seconds=60)


def test_the_clock_may_go_back() -> None:
    world = rolling_out(20)
    world.starts = dict.fromkeys(["churn:v1", "churn:v2"], -7200.0)
    world.now -= timedelta(hours=1)
    world.run(900)
    assert "Promoted" in world.reasons()
