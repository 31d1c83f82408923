"""Every sequence of disturbances that hypothesis can think of, with the invariants checked after each look."""

from collections.abc import Callable
from functools import cache

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.simulation.disturbances import MACHINES, PEOPLE
from tests.simulation.invariants import check, check_at_rest
from tests.simulation.world import Simulation, model

MOMENTS: dict[str, Callable[[Simulation], bool]] = {
    "nothing runs yet": lambda world: True,
    "the first version serves": lambda world: world.status().serving_since is not None,
    "a challenger starts": lambda world: world.status().challenger is not None,
    "the first weight": lambda world: _weight(world) == 10,
    "the last weight": lambda world: _weight(world) == 50,
    "a watch": lambda world: world.status().watch is not None,
}


def at(moment: str) -> Simulation:
    """A world of its own in which that moment of a rollout of v2 beside v1 has come."""
    return _snapshot(moment).copy()


@cache
def _snapshot(moment: str) -> Simulation:
    world = Simulation()
    serves = MOMENTS["the first version serves"]
    while moment != "nothing runs yet" and not (serves(world) and MOMENTS[moment](world)):
        if serves(world):
            world.edit_spec(model=model("churn:v2"))
        world.tick()
        world.look()
    return world


def _weight(world: Simulation) -> int | None:
    challenger = world.status().challenger
    return world.weights().get(challenger.hash) if challenger else None


class Disturbances(RuleBasedStateMachine):
    """Rules are what people and machines do. Time passes in `time_passes` and `all_is_well_again` alone."""

    @initialize(seed=st.integers(0, 1000), moment=st.sampled_from(sorted(MOMENTS)))
    def begin(self, seed: int, moment: str) -> None:
        self.world = at(moment)
        self.world.dice.seed(seed)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()

    @rule(intervals=st.integers(1, 8))
    def time_passes(self, intervals: int) -> None:
        for _ in range(intervals):
            self.world.tick()
            check(self.world, self.world.look())

    @rule()
    def the_operator_looks_again_at_once(self) -> None:
        check(self.world, self.world.look())

    @rule(does=st.sampled_from(sorted(PEOPLE)))
    def somebody(self, does: str) -> None:
        PEOPLE[does](self.world)

    @rule(happens=st.sampled_from(sorted(MACHINES)))
    def something(self, happens: str) -> None:
        MACHINES[happens](self.world)

    @rule(happens=st.sampled_from(sorted(MACHINES)), intervals=st.integers(1, 8))
    def something_lasts(self, happens: str, intervals: int) -> None:
        self.something(happens)
        self.time_passes(intervals)

    @rule()
    def all_is_well_again(self) -> None:
        """Faults end; what then does not come to rest is stuck."""
        self.world.calm()
        self.world.come_to_rest()
        check_at_rest(self.world)
