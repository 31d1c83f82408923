"""What a challenger is compared with, by what, and whether the traffic lets it be compared."""

import time
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.rollouts.world import PAUSED_WEIGHT, STORY, World, condition, is_now, is_paused, with_gates

from modelrollout.api.gate_status import GateStatus
from modelrollout.evidence.verdict import Guarantee, Verdict
from modelrollout_demo.rollouts import NAME
from modelrollout_demo.stories import (
    Ending,
    Story,
    await_promotion,
    await_rollback,
    is_serving,
    of_version,
    pods_by_uid,
)
from modelrollout_testkit.changes import Object
from modelrollout_testkit.feedback import Feedback

BASELINE_WEIGHT = 10

CONFIDENCE = {
    "name": "confidence",
    "mean": {
        "sum": "modelrollout_confidence_sum",
        "count": "modelrollout_confidence_count",
        "better": "Higher",
        "maxDegradation": 0.2,
        "tolerated": 0.1,
    },
}
DIGITS = {
    "name": "digits",
    "drift": {
        "counter": "modelrollout_predictions_total",
        "label": "prediction",
        "values": [str(digit) for digit in range(10)],
        "tolerated": "15%",
        "maxDistance": "25%",
    },
}


# The truth comes later than the prediction, and to any pod.
WRONG = {
    "name": "wrong",
    "share": {
        "total": "digits_outcomes_total",
        "bad": 'digits_outcomes_total{correct="false"}',
        "cohortLabel": "version",
        "minImprovement": "10%",
    },
}


def unsure(**margin: str) -> Object:
    """A gate on the share of answers that the model itself is not sure of."""
    counters = {"total": "modelrollout_predictions_total", "bad": "modelrollout_unsure_predictions_total"}
    return {"name": "unsure", "share": {**counters, **margin}}


def last_judged(world: World, version: str) -> Sequence[GateStatus]:
    """What the gates beyond those of the example said last while a version was the challenger."""
    bento = world.rollout.digits.version(version).bento
    judged = [now for now in world.rollout.history if now.status.challenger and now.status.challenger.bento == bento]
    return [gate for gate in judged[-1].status.gates if gate.name not in ("errors", "latency", "restarts")]


def test_a_simple_service_is_beside_a_rollout_and_its_watch_and_the_challenger_is_judged_against_it(
    world: World,
) -> None:
    world.serve("v1")
    started = time.time()
    majority = world.rollout.digits.version("majority")

    def against_majority(manifest: Object) -> None:
        with_gates(unsure(minImprovement="10%"), WRONG)(manifest)
        service = {"bento": majority.bento, "image": majority.image, "weight": BASELINE_WEIGHT}
        manifest["spec"]["baseline"] = {"service": service}

    with (
        world.no_failures(),
        Feedback(world.environment.gateway_url, world.load, world.rollout.digits.host) as feedback,
    ):
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
    assert feedback.codes.keys() == {200}
    assert world.rollout.current.status.baseline is None
    assert pods_by_uid(world.rollout.pods("majority")) == {}
    print(f"first weight to promotion: {outcome.seconds:.0f} s")


def test_a_challenger_is_held_against_a_fixed_figure(world: World) -> None:
    world.serve("v2")

    def against_people(manifest: Object) -> None:
        with_gates(unsure(maxIncrease="5%"))(manifest)
        manifest["spec"]["baseline"] = {"fixed": {"unsure": "8%"}}

    with world.no_failures():
        world.rollout.apply("v1", against_people)
        world.rollout.until(lambda now: is_serving(now, f"{NAME}:v1"), "the promotion of v1")
    (gate,) = last_judged(world, "v1")
    assert gate.compared_with == "fixed 8 %"
    assert gate.verdict == Verdict.PASS
    print(f"against a figure: {gate.message}")


def test_traffic_past_the_gateway_holds_a_surer_challenger_until_it_ends(world: World, tmp_path: Path) -> None:
    world.serve("v2")

    def paused_before_promotion(manifest: Object) -> None:
        with_gates(unsure(maxIncrease="5%"))(manifest)
        manifest["spec"]["strategy"]["steps"] = [{"weight": PAUSED_WEIGHT, "approval": True}]

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


def test_a_version_is_promoted_by_its_mean_confidence_and_the_digits_it_sees(world: World) -> None:
    world.serve("v1")
    with world.no_failures():
        world.rollout.apply("v2", with_gates(CONFIDENCE, DIGITS))
        outcome = await_promotion(world.rollout, STORY["v2"])
    assert outcome.problems == []
    confidence, digits = last_judged(world, "v2")
    assert (confidence.guarantee, digits.guarantee) == (Guarantee.ASYMPTOTIC, Guarantee.ASSUMED)
    assert (confidence.verdict, digits.verdict) == (Verdict.PASS, Verdict.PASS)
    assert confidence.champion is not None
    assert confidence.challenger is not None
    # Naive Bayes is surer of itself than it should be.
    assert 0.85 < float(confidence.challenger) < 0.96 < float(confidence.champion) < 1
    assert digits.champion is digits.challenger is None
    print(f"first weight to promotion: {outcome.seconds:.0f} s; {confidence.message}; {digits.message}")


def test_a_version_whose_confidence_is_spread_otherwise_is_rolled_back(world: World) -> None:
    world.serve("v2")
    spread = {
        "histogram": "modelrollout_confidence",
        "boundaries": [0.9, 0.99],
        "tolerated": "20%",
        "maxDistance": "30%",
    }
    with world.no_failures():
        world.rollout.apply("v1", with_gates(CONFIDENCE, {"name": "spread", "drift": spread}))
        story = Story("v1", "otherwise sure", Ending.ROLLED_BACK, "GateFailed", "are in bucket above 0.99")
        outcome = await_rollback(world.rollout, story)
    assert outcome.problems == []
    print(f"first weight to rollback: {outcome.seconds:.0f} s")


def test_a_version_that_is_less_sure_is_rolled_back_by_a_gate_on_its_own_counters(world: World) -> None:
    world.serve("v1")
    with world.no_failures():
        world.rollout.apply("v2", with_gates(unsure(maxIncrease="5%")))
        outcome = await_rollback(world.rollout, Story("v2", "less sure", Ending.ROLLED_BACK, "GateFailed", "unsure"))
    assert outcome.problems == []
    print(f"first weight to rollback: {outcome.seconds:.0f} s")
