"""Traffic goes to pods that are ready, and pods stay for as long as traffic may come."""

from collections.abc import Callable

import pytest
from tests.unit.rollout.fragile import Fragile, rolling_out
from tests.unit.rollout.world import spec

from modelrollout.rollout.observation import RouteObservation, VersionObservation
from modelrollout.rollout.placement import place


def deadline(name: str) -> Callable[[Fragile], None]:
    def pass_by(world: Fragile) -> None:
        strategy = {"steps": [{"weight": 10, "hold": "20s"}], name: {"after": "60s", "action": "Rollback"}}
        world.apply(spec("churn:v2", strategy=strategy))
        world.run(120)

    return pass_by


def command(name: str) -> Callable[[Fragile], None]:
    return lambda world: world.commands.update({name: "now"})


def regress(world: Fragile) -> None:
    """The gate has failed by what was counted before the champion's pods went."""
    world.down.clear()
    world.error_rates["churn:v2"] = 0.9
    world.run(5)
    world.down.add("churn:v1")


TAKES_TRAFFIC_AWAY: dict[str, Callable[[Fragile], None]] = {
    "the deadline": deadline("deadline"),
    "the metrics deadline": deadline("metricsDeadline"),
    "an abort": command("abort"),
    "a failed gate": regress,
    "another version": lambda world: world.apply(spec("churn:v3")),
    "a revert": lambda world: world.apply(spec("churn:v1")),
    "another version and a revert": lambda world: [world.apply(spec(f"churn:v{n}")) or world.step() for n in (3, 1)],
}


@pytest.mark.parametrize("what", TAKES_TRAFFIC_AWAY)
def test_no_traffic_goes_to_a_champion_without_pods_while_another_version_has_some(what: str) -> None:
    world = rolling_out()
    world.down.add("churn:v1")
    world.run(20)
    TAKES_TRAFFIC_AWAY[what](world)
    for _ in range(40):
        world.step()
        assert world.served() == 100
    world.down.clear()
    world.run(60)
    assert world.served() == 100


@pytest.mark.parametrize("what", ["abort", "a revert"])
def test_a_promotion_is_undone_only_as_far_as_the_old_champion_can_serve(what: str) -> None:
    world = rolling_out()
    while world.status.watch is None:
        world.step()
    world.down.add("churn:v1")
    (command("abort") if what == "abort" else TAKES_TRAFFIC_AWAY[what])(world)
    world.run(60)
    assert world.share("churn:v2") == 100
    world.down.clear()
    world.run(10)
    assert world.share("churn:v1") == 100


def test_what_serves_in_place_of_a_dead_champion_gets_the_pods_for_it() -> None:
    world = Fragile(spec=spec(serving={"replicas": 4})).run(60)
    world.apply(spec("churn:v2", serving={"replicas": 4}))
    world.run(30)
    world.down.add("churn:v1")
    world.run(10)
    assert world.share("churn:v2") == 100
    assert [len(pods) for key, pods in world.pods.items() if world.bentos[key] == "churn:v2"] == [4]


@pytest.mark.parametrize("share", [10, 50])
def test_pods_stay_until_the_gateway_has_taken_over_that_they_get_no_traffic(share: int) -> None:
    world = rolling_out(0)
    while world.share("churn:v2") != share:
        world.step()
    world.hang()
    world.commands["abort"] = "now"
    for _ in range(40):
        world.step()
        assert world.served() == 100
    world.hung = None
    world.run(5)
    assert len(world.pods) == 2, "the drain time begins when the gateway has answered"
    world.run(60)
    assert len(world.pods) == 1


@pytest.mark.parametrize(
    ("written", "settled", "pods"),
    [(50, True, 5), (1, False, 5), (1, True, 1)],
    ids=["the weight is still to be lowered", "the gateway has not answered", "the gateway has taken it over"],
)
def test_pods_go_only_when_the_gateway_has_taken_over_a_lower_weight(written: int, settled: bool, pods: int) -> None:
    status = rolling_out(40).status
    assert status.champion
    assert status.challenger
    assert status.rollout
    status = status.model_copy(update={"rollout": status.rollout.model_copy(update={"target_weight": 1})})
    champion, challenger = status.champion.hash, status.challenger.hash
    placement = place(
        status,
        10,
        {champion: VersionObservation(champion, 10, 10, True), challenger: VersionObservation(challenger, 5, 5, True)},
        RouteObservation(True, {champion: 100 - written, challenger: written}, settled),
    )
    assert {wanted.version.hash: wanted.replicas for wanted in placement.versions} == {champion: 10, challenger: pods}
    assert placement.weights == {champion: 99, challenger: 1}
