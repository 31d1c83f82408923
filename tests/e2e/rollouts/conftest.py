"""A cluster of the tests' own, which goes with them.

MODELROLLOUT_E2E_CLUSTER names a local cluster to use instead, which is brought up if need be and kept: that is quicker
while one works on the tests.
"""

import os
from collections.abc import Iterator

import pytest
from tests.e2e.rollouts.world import NAMESPACE, World, quick

from modelrollout_demo.environment import Environment, local_environment
from modelrollout_demo.installation import install, restricted_namespace
from modelrollout_demo.load import Load
from modelrollout_demo.rollouts import Digits, DigitsRollout, remove
from modelrollout_localcluster import Cluster, Progress

REQUESTS_PER_SECOND = 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A node needs root."""
    if os.geteuid() != 0:
        for item in items:
            if "e2e/rollouts" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="a node needs root"))


@pytest.fixture(scope="package")
def environment() -> Iterator[Environment]:
    """A running cluster with the operator, installed by its chart."""
    kept = os.environ.get("MODELROLLOUT_E2E_CLUSTER")
    name = kept or f"e2e-{os.getpid()}"
    try:
        found = local_environment(name, Progress())
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
    load = Load(environment.gateway_url, tmp_path_factory.mktemp("load"), REQUESTS_PER_SECOND)
    with DigitsRollout(Digits(environment), NAMESPACE) as rollout:
        rollout.apply("v1", quick)
        rollout.until(lambda now: now.status.serving_since is not None, "a first champion", 240)
        with load:
            yield World(environment, rollout, load)
