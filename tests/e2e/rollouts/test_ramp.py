"""A ramp without steps: the evidence, and a budget of bad requests, set the weight. And the watch that follows it."""

import time
from dataclasses import replace

from tests.e2e.rollouts.world import STORY, World, quick

from modelrollout.rollout.ramp import LEVELS
from modelrollout_demo.rollouts import NAME
from modelrollout_demo.stories import await_promotion, await_rollback, of_version
from modelrollout_testkit.changes import Object

BUDGET = 60


def on_a_budget(manifest: Object) -> None:
    quick(manifest)
    strategy = manifest["spec"]["strategy"]
    del strategy["steps"]
    strategy["ramp"] = {"maxWeight": max(LEVELS), "budget": {"badRequests": BUDGET}}


def weights_of(version: str, world: World, since: float) -> list[int]:
    """The weights of a challenger, in percent, up to the first that it can only have as the champion."""
    weights = [weight for by_version in world.weights_since(since) if (weight := by_version.get(version, 0))]
    above = next((place for place, weight in enumerate(weights) if weight > max(LEVELS)), len(weights))
    return weights[:above]


def test_the_weight_of_a_good_version_rises_as_the_evidence_comes_in(world: World) -> None:
    world.serve("v1")
    started = time.time()
    with world.no_failures():
        world.rollout.apply("v2", on_a_budget)
        outcome = await_promotion(world.rollout, STORY["v2"])
    assert outcome.problems == []
    weights = weights_of("v2", world, started)
    assert weights[0] == LEVELS[0]
    assert len(set(weights)) > 2
    assert set(weights) <= set(LEVELS)
    print(f"weights {weights}, first weight to promotion: {outcome.seconds:.0f} s")


def test_a_version_with_a_bug_costs_no_more_than_the_budget(world: World) -> None:
    world.serve("v2")
    started = time.time()
    with world.no_failures():
        world.rollout.apply("v3", on_a_budget)
        outcome = await_rollback(world.rollout, STORY["v3"])
    assert outcome.problems == []
    failed = [answer for answer in of_version(world.load.since(started), "v3") if answer.failed]
    assert 0 < len(failed) <= BUDGET
    weights = weights_of("v3", world, started)
    print(f"weights {weights}, {len(failed)} bad answers, first weight to rollback: {outcome.seconds:.0f} s")


def test_a_bug_that_shows_after_the_promotion_gives_the_traffic_back_to_the_old_champion(world: World) -> None:
    world.serve("v2")

    def watched_for_long(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["strategy"]["holdBack"] = {"percent": 20, "for": "10m"}

    started = time.time()
    with world.no_failures():
        world.rollout.apply("v3", watched_for_long)
        world.rollout.command("retry", str(started))
        world.rollout.until(lambda now: now.status.challenger is not None, "v3 to be the challenger")
        world.rollout.command("promote", str(started))
        outcome = await_rollback(world.rollout, replace(STORY["v3"], reason="RegressedAfterPromotion"))
    assert outcome.problems == []
    shares = [weights.get("v3", 0) for weights in world.weights_since(started)]
    assert max(shares) == 80
    assert shares[-1] == 0
    champion = world.rollout.current.status.champion
    assert champion is not None
    assert champion.bento == f"{NAME}:v2"
