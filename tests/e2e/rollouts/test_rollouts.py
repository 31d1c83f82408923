"""What becomes of versions on a real cluster, under live traffic.

The tests share one ModelRollout, in the order of this file, since a version that serves is costly to come by.
"""

import time

import pytest
from tests.e2e.rollouts.world import (
    NEXT_WEIGHT,
    PAUSED_WEIGHT,
    STORY,
    World,
    condition,
    is_now,
    pausing,
    quick,
)

from modelrollout.api.rollout import ModelRollout
from modelrollout_demo.rollouts import KIND, NAME, ROUTE_KIND, remove
from modelrollout_demo.stories import await_promotion, await_rollback, of_version, quarantine_entry
from modelrollout_testkit.changes import Object
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.watching import eventually


def test_a_steady_state_makes_no_writes(world: World) -> None:
    world.serve("v1")
    # Kubernetes' own controllers write the end of the start down a little later.
    before = eventually(lambda: world.unchanged_for(6), "Kubernetes to come to rest")
    time.sleep(30)
    assert world.resource_versions() == before


def test_a_good_version_is_promoted_with_the_very_pods_that_proved_it(world: World) -> None:
    world.serve("v1")
    started = time.time()
    with world.no_failures():
        world.rollout.apply("v2", quick)
        outcome = await_promotion(world.rollout, STORY["v2"])
    assert outcome.problems == []
    shares = [weights.get("v2", 0) for weights in world.weights_since(started)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    print(f"first weight to promotion: {outcome.seconds:.0f} s")


def test_a_version_with_a_bug_is_rolled_back_and_tried_again_only_when_asked_for(world: World) -> None:
    world.serve("v2")
    version = world.rollout.digits.version("v3")
    with world.no_failures():
        world.rollout.apply("v3", quick)
        outcome = await_rollback(world.rollout, STORY["v3"])
        assert outcome.problems == []
        world.rollout.apply("v3", quick)
        time.sleep(10)
        assert world.rollout.current.status.challenger is None
        world.rollout.command("retry", str(time.time()))
        world.rollout.until(lambda now: _attempt(now) == 2, "the second attempt of v3")
        again = await_rollback(world.rollout, STORY["v3"])
    assert again.problems == []
    entry = quarantine_entry(world.rollout.current, version)
    assert entry is not None
    assert entry.failures == 2
    print(f"first weight to rollback: {outcome.seconds:.0f} s, at the retry {again.seconds:.0f} s")


def test_a_slow_version_is_rolled_back(world: World) -> None:
    world.serve("v2")

    def at_a_weight_that_one_pod_can_carry(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["strategy"]["steps"] = [{"weight": 5, "hold": "1m"}]
        manifest["spec"]["gates"][1]["latency"]["threshold"] = "50ms"

    with world.no_failures():
        world.rollout.apply("v4", at_a_weight_that_one_pod_can_carry)
        outcome = await_rollback(world.rollout, STORY["v4"])
    assert outcome.problems == []


def test_a_version_that_does_not_start_is_never_sent_a_request(world: World) -> None:
    world.serve("v2")
    started = time.time()

    def impatient(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["serving"]["progressDeadline"] = "30s"

    with world.no_failures():
        world.rollout.apply("v5", impatient)
        outcome = await_rollback(world.rollout, STORY["v5"])
    assert outcome.problems == []
    assert of_version(world.load.since(started), "v5") == []
    assert {weights.get("v5", 0) for weights in world.weights_since(started)} == {0}


def test_people_who_are_asked_at_the_deadline_can_give_it_more_time(world: World) -> None:
    world.pause("v1", champion="v2")
    asked = time.time()

    def asking(manifest: Object) -> None:
        pausing(manifest)
        strategy = manifest["spec"]["strategy"]
        strategy["steps"][-1]["hold"] = "15s"
        strategy["deadline"] = {"after": "25s", "action": "Ask"}

    with world.no_failures():
        world.rollout.apply("v1", asking)
        now = world.rollout.until(lambda now: _reason(now, "Stalled") == "DecisionNeeded", "people to be asked")
        time.sleep(6)
        assert {weights.get("v1") for weights in world.weights_since(asked)} == {PAUSED_WEIGHT}
        assert world.rollout.event_reasons.count("DecisionNeeded") == 1
        world.rollout.command("approve", str(time.time()))
        world.rollout.until(
            lambda now: now.status.weight == NEXT_WEIGHT and condition(now, "Stalled") is None, "the next weight"
        )
    print(f"asked: {now.status.verdict}")


def test_naming_the_champion_again_ends_the_rollout_at_once(world: World) -> None:
    world.pause("v1", champion="v2")
    with world.no_failures():
        world.rollout.apply("v2", quick)
        now = world.rollout.until(lambda now: is_now(now, "Ready", "True"), "the champion to be all there is")
    assert now.status.champion is not None
    assert now.status.champion.bento == f"{NAME}:v2"
    assert quarantine_entry(now, world.rollout.digits.version("v1")) is None


def test_a_query_that_prometheus_refuses_is_told_and_holds_the_rollout(world: World) -> None:
    world.serve("v2")

    def broken(manifest: Object) -> None:
        quick(manifest)
        query = {"expression": 'rate(requests_total{pod=~"{{pods}}"})', "max": 1}
        manifest["spec"]["gates"].append({"name": "broken", "query": query})

    with world.no_failures():
        world.rollout.apply("v1", broken)
        now = world.rollout.until(lambda now: is_now(now, "MetricsAvailable", "False"), "the refused query to be told")
        refused = condition(now, "MetricsAvailable")
        assert refused is not None
        assert "broken" in refused.message
        assert "expected type matrix" in refused.message
        world.rollout.apply("v2", quick)
        world.rollout.until(lambda now: is_now(now, "Ready", "True"), "the champion to be all there is")


def test_a_gateway_that_does_not_exist_is_told_and_takes_no_traffic_away(world: World) -> None:
    world.serve("v2")

    def astray(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["traffic"]["gatewayAPI"]["parentRefs"] = [{"name": "modles", "namespace": "gateway-system"}]

    with world.no_failures():
        world.rollout.apply("v2", astray)
        now = world.rollout.until(lambda now: _reason(now, "Ready") == "RouteNotAccepted", "the gateway to be missed")
        time.sleep(10)
        world.rollout.apply("v2", quick)
        world.rollout.until(lambda now: is_now(now, "Ready", "True"), "the route to settle")
    ready = condition(now, "Ready")
    assert ready is not None
    assert "gateway-system/modles" in ready.message


def test_status_codes_that_match_nothing_are_refused_when_they_are_applied(world: World) -> None:
    world.serve("v2")

    def by_class(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["gates"][0]["errorRate"]["codes"] = "5xx"

    with pytest.raises(TestkitError, match="codes"):
        world.rollout.apply("v1", by_class)


def test_nothing_is_left_of_a_deleted_modelrollout(world: World) -> None:
    world.serve("v2")
    remove(world.environment.kubectl, world.namespace)
    kinds = ("deployments,replicasets,pods,services", ROUTE_KIND, KIND)
    eventually(lambda: not world.made(*kinds[:2]), "everything to be gone")
    listed = world.environment.kubectl.get(KIND, f"--namespace={world.namespace}")["items"]
    assert listed == []


def _attempt(now: ModelRollout) -> int:
    return now.status.rollout.attempt if now.status.rollout else 0


def _reason(now: ModelRollout, kind: str) -> str:
    found = condition(now, kind)
    return found.reason if found else ""
