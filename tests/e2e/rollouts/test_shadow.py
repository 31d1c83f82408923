"""What a challenger does with copies of requests, before anybody gets its answers."""

import time

from tests.e2e.rollouts.world import STORY, Edit, World, quick

from modelrollout_demo.stories import await_promotion, await_rollback, of_version
from modelrollout_testkit.changes import Object


def shadowed(**shadow: object) -> Edit:
    """`quick`, after a shadow phase."""

    def edit(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["strategy"]["shadow"] = {"for": "20s", "methods": ["POST"], **shadow}

    return edit


def test_a_version_with_a_bug_is_found_out_on_copies_and_answers_nobody(world: World) -> None:
    world.serve("v2")
    started = time.time()
    with world.no_failures():
        world.rollout.apply("v3", shadowed(gates=["errors"]))
        outcome = await_rollback(world.rollout, STORY["v3"])
    assert outcome.problems == []
    assert of_version(world.load.since(started), "v3") == []
    assert {weights.get("v3", 0) for weights in world.weights_since(started)} == {0}
    print(f"edit to rollback: {time.time() - started:.0f} s")


def test_a_good_version_sees_copies_before_it_answers_anybody_and_is_promoted(world: World) -> None:
    world.serve("v2")
    started = time.time()
    with world.no_failures():
        world.rollout.apply("v1", shadowed(gates=["errors", "latency"], percent=50))
        # Contour copies all requests or none.
        told = world.rollout.until(
            lambda now: "50 % are asked for" in (now.status.verdict or ""), "the copies to be told"
        )
        assert of_version(world.load.since(started), "v1") == []
        outcome = await_promotion(world.rollout, STORY["v1"])
    assert outcome.problems == []
    print(f"first weight to promotion: {outcome.seconds:.0f} s; {told.status.verdict}")
