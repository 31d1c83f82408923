"""A route that takes traffic away and was refused is asked for again at the next look, on a simulated API server."""

import pytest
from tests.simulation.api_server import REFUSALS, Refusal
from tests.simulation.machine import at
from tests.simulation.prometheus import TICK
from tests.simulation.world import Simulation

from modelrollout.ports import HTTP_ROUTE, Manifest


def aborted(refusal: str) -> Simulation:
    """A rollout that somebody aborts at weight 50 while every HTTPRoute is refused."""
    world = at("the last weight")
    world.server.refusals[HTTP_ROUTE.kind] = Refusal(HTTP_ROUTE.kind, REFUSALS[refusal])
    world.annotate("abort")
    world.run(4 * TICK)
    assert sorted(world.weights().values()) == [50, 50]
    return world


def assert_champion_has_all(world: Simulation) -> None:
    champion = world.status().champion
    assert champion is not None
    assert {version: weight for version, weight in world.weights().items() if weight} == {champion.hash: 100}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_traffic_is_taken_away_at_the_first_look_that_is_not_refused(refusal: str) -> None:
    world = aborted(refusal)
    world.server.refusals.clear()
    world.run(TICK)

    assert_champion_has_all(world)


def test_the_last_accepted_route_is_asked_for_again_too_where_its_edit_stays_refused() -> None:
    class RefusesTheEdit(Refusal):
        def check(self, manifest: Manifest) -> None:
            if manifest.get("spec", {}).get("hostnames"):
                super().check(manifest)

    world = at("the last weight")
    world.edit_spec(traffic={"gatewayAPI": {"parentRefs": [{"name": "models"}], "hostnames": ["refused.example"]}})
    world.server.refusals[HTTP_ROUTE.kind] = Refusal(HTTP_ROUTE.kind, REFUSALS["schema"])
    world.annotate("abort")
    world.run(4 * TICK)
    world.server.refusals[HTTP_ROUTE.kind] = RefusesTheEdit(HTTP_ROUTE.kind, REFUSALS["schema"])
    world.run(TICK)

    assert_champion_has_all(world)


def test_looks_that_follow_each_other_at_once_do_not_each_ask_for_a_refused_route() -> None:
    world = aborted("schema")
    refusal = world.server.refusals[HTTP_ROUTE.kind]
    asked: list[str] = []

    class Counting(Refusal):
        def check(self, manifest: Manifest) -> None:
            if manifest["kind"] == self.kind:
                asked.append(self.kind)
            super().check(manifest)

    world.server.refusals[HTTP_ROUTE.kind] = Counting(refusal.kind, refusal.error)
    for _ in range(20):
        world.look()

    assert len(asked) <= 2
