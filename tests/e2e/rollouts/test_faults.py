"""What becomes of a rollout while parts of the cluster fail, and what the operator recorded of it.

They break what the stories beside them use too, which must come out as they do without. But a gateway's controller
that dies as it begins to answer says yes to routes that Envoy never hears of: that story runs alone. The last one
replays what the operator recorded meanwhile.
"""

import json
import time
from datetime import datetime
from pathlib import Path

import pytest
from tests.e2e.rollouts.evidence import requests_counted
from tests.e2e.rollouts.world import (
    NEXT_WEIGHT,
    PAUSED_WEIGHT,
    World,
    condition,
    is_now,
    is_paused,
    pausing,
    quick,
)

from modelrollout.api.rollout import ModelRollout
from modelrollout.cli.main import main
from modelrollout_demo.rollouts import NAME
from modelrollout_demo.stories import is_serving, is_settled, of_version, quarantine_entry
from modelrollout_testkit.changes import Object
from modelrollout_testkit.watching import eventually


def test_an_operator_that_is_killed_goes_on_at_the_same_weight_with_the_same_evidence(world: World) -> None:
    paused = world.pause("v1", champion="v2")
    killed = time.time()
    with world.no_failures():
        world.kill_operator()
        seen = _window(paused)
        now = world.rollout.until(lambda now: _window(now) > seen + 4, "the evidence to go on")
    assert is_paused(now, "v1")
    assert {weights.get("v1") for weights in world.weights_since(killed)} == {PAUSED_WEIGHT}
    assert _counted(now) == _recorded(world, now)


def test_without_prometheus_the_weight_holds_and_then_the_rollout_goes_on(world: World) -> None:
    world.pause("v1", champion="v2")
    stopped = time.time()
    with world.no_failures():
        world.scale_prometheus(0)
        try:
            world.rollout.until(lambda now: is_now(now, "MetricsAvailable", "False"), "the outage to be noticed")
            time.sleep(15)
            assert {weights.get("v1") for weights in world.weights_since(stopped)} == {PAUSED_WEIGHT}
        finally:
            world.scale_prometheus(1)
        world.rollout.until(lambda now: is_now(now, "MetricsAvailable", "True"), "metrics to be back")
        world.rollout.command("approve", str(time.time()))
        now = world.rollout.until(lambda now: now.status.weight == NEXT_WEIGHT, "the next weight")
    print(f"verdict after the outage: {now.status.verdict}")


def test_a_rollback_gives_no_traffic_to_a_champion_without_pods(world: World) -> None:
    world.pause("v1", champion="v2")
    began = time.time()
    with world.frozen(lambda: world.rollout.pods("v2")):
        eventually(lambda: world.without_ready_pods("v2"), "the champion's pods to be missed")
        eventually(lambda: world.weights_since(began)[-1].get("v1") == 100, "the challenger to get its traffic")
        world.rollout.apply("v2", quick)
        world.rollout.until(lambda now: now.status.observed_generation == now.metadata.generation, "it to be seen")
        time.sleep(5)
        assert world.weights_since(began)[-1].get("v1") == 100
    world.rollout.until(lambda now: is_serving(now, f"{NAME}:v2"), "the champion to be all there is")
    eventually(lambda: world.weights_since(began)[-1] == {"v2": 100}, "the route to know no other")


@pytest.mark.alone
def test_pods_of_a_bad_version_stay_until_a_gateway_that_hangs_has_let_go_of_them(world: World) -> None:
    world.serve("v2")
    version = world.rollout.digits.version("v3")
    workload = world.rollout.digits.workload("v3")
    world.rollout.apply("v3", pausing)
    world.rollout.until(lambda now: bool(now.status.weight), "the first weight of v3")
    eventually(lambda: bool(of_version(world.load.answers[-100:], "v3")), "v3 to answer")
    with world.frozen(world.contour_pods):
        now = world.rollout.until(lambda now: quarantine_entry(now, version) is not None, "the rollback of v3")
        time.sleep(15)
        deployments = {one["metadata"]["name"]: one["spec"]["replicas"] for one in world.made("deployments")}
        assert deployments.get(workload), f"the pods of v3 went while Envoy sent traffic to them: {deployments}"
        waiting = condition(world.rollout.current, "Ready")
        assert waiting is not None
        assert waiting.status != "True"
    now = world.rollout.until(lambda now: is_settled(now, version), "v3 to be gone")
    assert quarantine_entry(now, version) is not None
    print(f"meanwhile: {waiting.reason}: {waiting.message}")


def test_a_new_champion_that_crash_loops_in_its_watch_gives_the_traffic_back(world: World) -> None:
    world.serve("v2")

    def watched_for_long(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["strategy"]["holdBack"] = {"percent": 20, "for": "10m"}

    began = time.time()
    world.rollout.apply("v1", watched_for_long)
    world.rollout.until(lambda now: bool(now.status.weight), "the first weight of v1")
    world.rollout.command("promote", str(began))
    world.rollout.until(lambda now: now.status.watch is not None, "the watch of v1")
    with world.crash_looping("v1"):
        now = world.rollout.until(
            lambda now: now.status.champion is not None and now.status.champion.bento == f"{NAME}:v2",
            "the old champion to be it again",
        )
    assert quarantine_entry(now, world.rollout.digits.version("v1")) is not None
    world.rollout.apply("v2", quick)
    world.rollout.until(lambda now: is_serving(now, f"{NAME}:v2"), "the champion to be all there is")


def test_a_rollout_that_is_replaced_by_force_in_its_ramp_begins_anew_with_the_version_that_served(world: World) -> None:
    world.pause("v1", champion="v2")
    manifest = world.rollout.digits.manifest("v1")
    pausing(manifest)
    # Kubernetes removes all that the deleted one owned, so that there are failures until new pods are ready.
    world.environment.kubectl(
        "replace", "--force", f"--namespace={world.namespace}", "--filename=-", stdin=json.dumps(manifest)
    )
    now = world.rollout.until(
        lambda now: now.status.champion is not None and now.status.serving_since is not None, "a champion"
    )
    assert now.status.champion is not None
    assert now.status.champion.bento == f"{NAME}:v2"
    world.rollout.apply("v2", quick)
    world.rollout.until(lambda now: is_serving(now, f"{NAME}:v2"), "the champion to be all there is")
    eventually(lambda: world.load.served(f"{NAME}:v2"), "v2 to answer")


def test_a_route_can_move_to_a_listener_in_mid_ramp(world: World) -> None:
    world.pause("v1", champion="v2")
    began = time.time()

    def on_a_listener(manifest: Object) -> None:
        pausing(manifest)
        manifest["spec"]["traffic"]["gatewayAPI"]["parentRefs"][0]["sectionName"] = "http"

    with world.no_failures():
        world.rollout.apply("v1", on_a_listener)
        eventually(lambda: world.listener() == "http", "the route to name the listener")
        world.rollout.until(lambda now: is_paused(now, "v1"), "v1 to wait for an approval as before")
        time.sleep(10)
        assert {weights.get("v1") for weights in world.weights_since(began)} == {PAUSED_WEIGHT}
        world.rollout.apply("v2", quick)
        world.rollout.until(lambda now: is_serving(now, f"{NAME}:v2"), "the champion to be all there is")


def test_every_decision_of_the_session_is_made_again_at_the_same_time(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = world.record(tmp_path)
    code = main(["replay", "--recording", str(record), "--output=json"])
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["differences"] == []
    assert code == 0
    made_again = {(_second(datetime.fromisoformat(made["at"])), made["reason"]) for made in replayed["decisions"]}
    shown = {(_second(made.at), made.reason) for now in world.rollout.history if (made := now.status.last_decision)}
    assert shown
    assert shown <= made_again
    print(f"{len(replayed['decisions'])} decisions, {record.stat().st_size / 1e6:.1f} MB")


def _window(now: ModelRollout) -> int:
    return now.status.evidence.window if now.status.evidence else 0


def _counted(now: ModelRollout) -> int | None:
    return next(gate.requests for gate in now.status.gates if gate.name == "errors")


def _recorded(world: World, now: ModelRollout) -> int:
    """The challenger's requests since its first weight, summed from what Prometheus recorded."""
    assert now.status.rollout is not None
    assert now.status.rollout.ramping_since is not None
    environment = world.environment
    interval = environment.scrape_interval
    return requests_counted(
        environment.prometheus_url,
        world.namespace,
        f"{world.rollout.digits.workload('v1')}-.*",
        interval,
        after=int(now.status.rollout.ramping_since.timestamp() // interval),
        through=_window(now),
    )


def _second(moment: datetime) -> datetime:
    """As a status has it, which knows no parts of seconds."""
    return moment.replace(microsecond=0)
