"""What a challenger is compared with, by what, and whether the traffic lets it be compared."""

import time
from pathlib import Path

from tests.e2e.rollouts.world import PAUSED_WEIGHT, World, condition, is_now, is_paused, with_gates

from modelrollout_demo.kubectl import Object
from modelrollout_demo.rollouts import NAME
from modelrollout_demo.stories import (
    STORIES,
    Ending,
    Story,
    await_promotion,
    await_rollback,
    is_serving,
    of_version,
    pods_by_uid,
)

STORY = {story.version: story for story in STORIES}
BASELINE_WEIGHT = 10


def unsure(**margin: str) -> Object:
    """A gate on the share of answers that the model itself is not sure of."""
    return {"name": "unsure", "share": {"total": "digits_predictions_total", "bad": "digits_unsure_total", **margin}}


def test_a_simple_service_is_beside_a_rollout_and_its_watch_and_the_challenger_is_judged_against_it(
    world: World,
) -> None:
    world.serve("v1")
    started = time.time()
    majority = world.rollout.digits.version("majority")

    def against_majority(manifest: Object) -> None:
        with_gates(unsure(minImprovement="10%"))(manifest)
        service = {"bento": majority.bento, "image": majority.image, "weight": BASELINE_WEIGHT}
        manifest["spec"]["baseline"] = {"service": service}

    with world.no_failures():
        world.rollout.apply("v2", against_majority)
        outcome = await_promotion(world.rollout, STORY["v2"])
    assert outcome.problems == []
    weights = [(w.get("v2", 0), w.get("v1", 0), w["majority"]) for w in world.weights_since(started) if "majority" in w]
    ramped = [split for split in weights if split[0] in (20, PAUSED_WEIGHT)]
    assert {split[0] for split in ramped} == {20, PAUSED_WEIGHT}
    assert all(split[1:] == (100 - split[0] - BASELINE_WEIGHT, BASELINE_WEIGHT) for split in ramped)
    # It stays for the watch after the promotion, beside the old champion.
    assert (85, 5, BASELINE_WEIGHT) in weights
    judged = [gate for now in world.rollout.history for gate in now.status.gates if now.status.baseline]
    assert {gate.compared_with for gate in judged} == {f"baseline {majority.bento}"}
    assert of_version(world.load.since(started), "majority")
    assert world.rollout.current.status.baseline is None
    assert pods_by_uid(world.rollout.pods("majority")) == {}
    print(f"first weight to promotion: {outcome.seconds:.0f} s")


def test_traffic_past_the_gateway_holds_a_surer_challenger_until_it_ends(world: World, tmp_path: Path) -> None:
    world.serve("v2")

    def paused_before_promotion(manifest: Object) -> None:
        with_gates(unsure(maxIncrease="5%"))(manifest)
        manifest["spec"]["strategy"]["steps"][-1]["approval"] = True

    with world.no_failures():
        world.rollout.apply("v1", paused_before_promotion)
        world.rollout.until(lambda now: is_paused(now, "v1"), "v1 to wait for an approval")
        with world.past_the_gateway("v2", rate=20, folder=tmp_path) as more:
            now = world.rollout.until(lambda now: is_now(now, "TrafficAsWeighted", "False"), "the split to be missed")
            missed = condition(now, "TrafficAsWeighted")
            assert missed is not None
            assert missed.reason == "SampleRatioMismatch"
            world.rollout.command("approve", str(time.time()))
            held = time.time()
            time.sleep(12)
            assert {weights.get("v1") for weights in world.weights_since(held)} == {PAUSED_WEIGHT}
            assert world.rollout.current.status.quarantine == ()
        world.rollout.until(lambda now: is_serving(now, f"{NAME}:v1"), "the promotion of v1")
    assert all(not answer.failed for answer in more.answers)
    print(f"missed: {missed.message}")


def test_a_version_that_is_less_sure_is_rolled_back_by_a_gate_on_its_own_counters(world: World) -> None:
    world.serve("v1")
    with world.no_failures():
        world.rollout.apply("v2", with_gates(unsure(maxIncrease="5%")))
        outcome = await_rollback(world.rollout, Story("v2", "less sure", Ending.ROLLED_BACK, "GateFailed", "unsure"))
    assert outcome.problems == []
    print(f"first weight to rollback: {outcome.seconds:.0f} s")
