"""A cluster that all files share, and a namespace, a ModelRollout and traffic for each file.

Files run side by side with `pytest -n`, also beside those that kill the operator or Prometheus: who is not asked about
them must not notice. Those marked `alone` are for a cluster of their own. The cluster goes with the last of them.
MODELROLLOUT_E2E_CLUSTER names a local cluster to use instead, which is brought up if need be and kept: that is quicker
while one works on the tests.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.e2e.rollouts.world import World, quick

from modelrollout_demo.rollouts import NAME, Digits, DigitsRollout, remove
from modelrollout_localcluster import Cluster, Progress
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.control import CONTROL, control_objects
from modelrollout_testkit.environment import Environment, local_environment
from modelrollout_testkit.installation import install, restricted_namespace
from modelrollout_testkit.invariants import violations
from modelrollout_testkit.load import Load
from modelrollout_testkit.recorder import Recorder
from modelrollout_testkit.turns import Turns

REQUESTS_PER_SECOND = 30
CONTROL_REQUESTS_PER_SECOND = 5
SCRAPE_INTERVAL_SECONDS = 3
ROOT = Path(__file__).parents[3]
_SESSION = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:8]
CLUSTER_NAME = os.environ.get("MODELROLLOUT_E2E_CLUSTER") or f"e2e-{_SESSION}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """None without root, which a node needs."""
    if os.geteuid() != 0:
        for item in items:
            if item.path.parent == Path(__file__).parent:
                item.add_marker(pytest.mark.skip(reason="a node needs root"))


@pytest.fixture(scope="session")
def turns() -> Turns:
    """Who sets the cluster up, and who takes it down."""
    return Turns(Path(tempfile.gettempdir(), f"modelrollout-e2e-{_SESSION}"))


@pytest.fixture(scope="session")
def environment(turns: Turns) -> Iterator[Environment]:
    """A running cluster with the operator, installed by its chart."""
    kept = "MODELROLLOUT_E2E_CLUSTER" in os.environ
    with turns.user() as user:
        try:
            with turns.one_by_one():
                found = local_environment(Checkout(ROOT), CLUSTER_NAME, Progress(), SCRAPE_INTERVAL_SECONDS)
                install(found)
            yield found
        finally:
            if not kept and user.is_last():
                Cluster(CLUSTER_NAME).down()


@pytest.fixture(scope="module")
def world(
    environment: Environment, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A namespace with a ModelRollout, steady traffic to it once a first champion serves, and a control beside it."""
    name = request.path.stem.removeprefix("test_")
    namespace, host = f"e2e-{name}", f"{name}.example"
    digits = Digits(environment, host, getattr(request.module, "POD_ENVIRONMENT", ()))
    kubectl = environment.kubectl
    kubectl.apply(restricted_namespace(namespace))
    remove(kubectl, namespace)
    with ExitStack() as stack:
        recorder = stack.enter_context(Recorder(kubectl, namespace))
        rollout = stack.enter_context(DigitsRollout(digits, namespace))
        rollout.apply("v1", quick)
        rollout.until(lambda now: now.status.serving_since is not None, "a first champion")
        deployment = kubectl.get("deployment", rollout.digits.workload("v1"), f"--namespace={namespace}")
        beside, control_host = f"{namespace}-{CONTROL}", f"{CONTROL}.{host}"
        kubectl.apply(
            restricted_namespace(beside), *control_objects(deployment, beside, environment.gateway, control_host)
        )
        kubectl("rollout", "status", f"deployment/{CONTROL}", f"--namespace={beside}", "--timeout=420s")
        loads = [
            stack.enter_context(
                Load(environment.checkout, environment.gateway_url, tmp_path_factory.mktemp("load"), rate, asked)
            )
            for rate, asked in ((REQUESTS_PER_SECOND, host), (CONTROL_REQUESTS_PER_SECOND, control_host))
        ]
        yield World(environment, rollout, *loads, recorder)


@pytest.fixture(autouse=True)
def invariants(world: World) -> Iterator[None]:
    """What must hold whatever happens is checked after every test."""
    began = time.time()
    yield
    assert violations(world.recorder.changes, NAME, since=began) == []
