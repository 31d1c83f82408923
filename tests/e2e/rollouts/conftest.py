"""A cluster of the tests' own, which goes with them.

MODELROLLOUT_E2E_CLUSTER names a local cluster to use instead, which is brought up if need be and kept: that is quicker
while one works on the tests.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.rollouts.world import NAMESPACE, World, quick

from modelrollout_demo.rollouts import Digits, DigitsRollout, remove
from modelrollout_localcluster import Cluster, Progress
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.environment import Environment, local_environment
from modelrollout_testkit.installation import install, restricted_namespace
from modelrollout_testkit.load import Load

REQUESTS_PER_SECOND = 30
ROOT = Path(__file__).parents[3]
# All files share one ModelRollout. The last one replays what the operator recorded of all that came before.
ORDER = ("test_rollouts", "test_ramp", "test_comparisons", "test_replay")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files in their order, and none without root, which a node needs."""
    mine = [item for item in items if item.path.parent == Path(__file__).parent]
    items[:] = [item for item in items if item not in mine] + sorted(mine, key=lambda item: ORDER.index(item.path.stem))
    if os.geteuid() != 0:
        for item in mine:
            item.add_marker(pytest.mark.skip(reason="a node needs root"))


@pytest.fixture(scope="package")
def environment() -> Iterator[Environment]:
    """A running cluster with the operator, installed by its chart."""
    kept = os.environ.get("MODELROLLOUT_E2E_CLUSTER")
    name = kept or f"e2e-{os.getpid()}"
    try:
        found = local_environment(Checkout(ROOT), name, Progress())
        install(found)
        yield found
    finally:
        if not kept:
            Cluster(name).down()


@pytest.fixture(scope="package")
def world(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One ModelRollout with steady traffic to it, which begins once a first champion serves."""
    environment.kubectl.apply(restricted_namespace(NAMESPACE))
    remove(environment.kubectl, NAMESPACE)
    load = Load(environment.checkout, environment.gateway_url, tmp_path_factory.mktemp("load"), REQUESTS_PER_SECOND)
    with DigitsRollout(Digits(environment), NAMESPACE) as rollout:
        rollout.apply("v1", quick)
        rollout.until(lambda now: now.status.serving_since is not None, "a first champion", 240)
        with load:
            yield World(environment, rollout, load)
