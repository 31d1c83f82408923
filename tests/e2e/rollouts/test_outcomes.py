"""Truths that come later decide on versions: an outcomes service with PostgreSQL, and the SDK in the models."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from tests.e2e.rollouts.conftest import CLUSTER_NAME
from tests.e2e.rollouts.world import STORY, World, send, with_gates

from modelrollout_demo.rollouts import NAME
from modelrollout_demo.stories import await_promotion, await_rollback, of_version
from modelrollout_localcluster import Cluster
from modelrollout_testkit.changes import Object
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.outcomes import IN_CLUSTER, NAMESPACE, PORT, RELEASE, Truths, install_outcomes
from modelrollout_testkit.postgresql import NAME as DATABASE
from modelrollout_testkit.watching import eventually

MATURITY_SECONDS = 10
POD_ENVIRONMENT = (("MODELROLLOUT_OUTCOMES_URL", IN_CLUSTER),)


def truth(**margin: str) -> Object:
    """A gate on the truth about predictions, ten seconds after they were made."""
    quality = {"maturity": f"{MATURITY_SECONDS}s", "minCoverage": "20%", "namespace": NAMESPACE, **margin}
    return {"name": "truth", "quality": quality}


@pytest.fixture(scope="module")
def outcomes(environment: Environment) -> str:
    """URL of the outcomes service."""
    install_outcomes(environment, Cluster(CLUSTER_NAME), f"{MATURITY_SECONDS}s")
    service = environment.kubectl.get("service", RELEASE, f"--namespace={NAMESPACE}")
    return f"http://{service['spec']['clusterIP']}:{PORT}"


@pytest.fixture
def truths(world: World, outcomes: str) -> Iterator[Truths]:
    """The truth about every prediction of the load, two seconds later."""
    with Truths(outcomes, world.load, (world.namespace, NAME), later=2) as telling:
        yield telling


def test_a_version_that_is_worse_only_in_truth_is_rolled_back(world: World, truths: Truths) -> None:
    world.serve("v2")
    with world.no_failures():
        world.rollout.apply("v1", with_gates(truth(maxIncrease="3%")))
        outcome = await_rollback(world.rollout, replace(STORY["v3"], version="v1", blame="truth"))
    assert outcome.problems == []
    print(f"first weight to rollback: {outcome.seconds:.0f} s")


def test_a_version_that_is_better_in_truth_is_promoted(world: World, truths: Truths) -> None:
    world.serve("v1")
    with world.no_failures():
        world.rollout.apply("v2", with_gates(truth(minImprovement="3%")))
        outcome = await_promotion(world.rollout, STORY["v2"])
    assert outcome.problems == []
    print(f"first weight to promotion: {outcome.seconds:.0f} s")


def test_a_version_that_is_worse_only_in_truth_is_found_out_on_copies_and_answers_nobody(
    world: World, truths: Truths
) -> None:
    world.serve("v2")

    def shadowed(manifest: Object) -> None:
        with_gates(truth(maxIncrease="3%"))(manifest)
        manifest["spec"]["strategy"]["shadow"] = {"for": "20s", "methods": ["POST"], "gates": ["truth"]}

    started = time.time()
    with world.no_failures():
        world.rollout.apply("v1", shadowed)
        world.rollout.command("retry", str(started))
        outcome = await_rollback(world.rollout, replace(STORY["v3"], version="v1", blame="truth"))
    assert outcome.problems == []
    assert of_version(world.load.since(started), "v1") == []
    print(f"edit to rollback: {time.time() - started:.0f} s")


def test_truths_that_come_after_the_promotion_give_the_traffic_back(world: World, truths: Truths) -> None:
    world.serve("v2")

    def watched_for_long(manifest: Object) -> None:
        with_gates(truth(maxIncrease="3%"))(manifest)
        manifest["spec"]["strategy"]["holdBack"] = {"percent": 20, "for": "10m"}

    asked = str(time.time())
    with world.no_failures():
        world.rollout.apply("v1", watched_for_long)
        world.rollout.command("retry", asked)
        world.rollout.until(lambda now: bool(now.status.weight), "the first weight of v1")
        world.rollout.command("promote", asked)
        blamed = replace(STORY["v3"], version="v1", blame="truth", reason="RegressedAfterPromotion")
        outcome = await_rollback(world.rollout, blamed)
    assert outcome.problems == []


def test_what_was_acknowledged_outlives_the_death_of_service_and_database(
    world: World, truths: Truths, outcomes: str
) -> None:
    world.serve("v2")
    for victim in (RELEASE, DATABASE, RELEASE):
        before = len(truths.told)
        send(signal.SIGKILL, pods(world, victim))
        eventually(lambda before=before: len(truths.told) > before + 100, "truths to be taken again")
    told = [answer.request for answer in truths.told]
    eventually(lambda: not missing(outcomes, world, told), "every prediction with a truth to be known")
    # A request that was copied has a prediction of either version.
    known = Counter(exported(outcomes, world))
    assert {prediction for prediction, times in known.items() if times > 1} == set()
    print(f"{len(told)} truths told twice, {len(known)} predictions known with their truth")


def pods(world: World, name: str) -> list[Object]:
    """The pods of a Deployment of the service's namespace."""
    found: list[Object] = world.environment.kubectl.get("pods", f"--namespace={NAMESPACE}")["items"]
    return [pod for pod in found if pod["metadata"]["name"].startswith(f"{name}-")]


def missing(url: str, world: World, told: list[str]) -> set[str]:
    """Requests whose truth was taken, but that the service does not know."""
    return set(told) - {request for request, _ in exported(url, world)}


def exported(url: str, world: World) -> list[tuple[str, str]]:
    """Request and version of all predictions that have a truth."""
    response = requests.get(f"{url}/v1/rollouts/{world.namespace}/{NAME}/export", timeout=30)
    predictions = map(json.loads, response.text.splitlines() if response.ok else ())
    return [(prediction["request"], prediction["version"]) for prediction in predictions]
