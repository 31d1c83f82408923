"""One control plane of a real Kubernetes for all tests of this folder.

MODELROLLOUT_TEST_CLUSTER names a local cluster to use instead, which is brought up if need be and kept: that is quicker
while one works on the tests.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient, ApiextensionsV1Api, Configuration, CoreV1Api
from kubernetes.config import load_kube_config

from modelrollout_localcluster import Cluster, tool_path
from modelrollout_localcluster.builds import ADDONS
from modelrollout_localcluster.state import cluster_names

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """A running control plane, without nodes, that knows the CRDs of the repository."""
    remove_leftovers()
    kept = os.environ.get("MODELROLLOUT_TEST_CLUSTER")
    cluster = Cluster(kept or f"test-{os.getpid()}")
    try:
        cluster.up(control_plane_only=True)
        for path in sorted(CRDS.glob("*.yaml")):
            install_crd(ApiextensionsV1Api(api_client(cluster)), yaml.safe_load(path.read_text()))
        yield cluster
    finally:
        if not kept:
            cluster.down()


@pytest.fixture(scope="session")
def kube_api(control_plane: Cluster) -> ApiClient:
    """A client of the control plane with all rights."""
    return api_client(control_plane)


@pytest.fixture(scope="session")
def gateway_api(kube_api: ApiClient) -> None:
    """HTTPRoutes, though there is no gateway that carries them out."""
    tool_path("contour")  # Gateway API comes with it.
    crd = Path(ADDONS.manifests, "gateway.networking.k8s.io_httproutes.yaml")
    install_crd(ApiextensionsV1Api(kube_api), yaml.safe_load(crd.read_text()))


@pytest.fixture
def namespace(kube_api: ApiClient) -> Iterator[str]:
    """The name of a namespace of the test's own."""
    core = CoreV1Api(kube_api)
    name: str = core.create_namespace({"metadata": {"generateName": "test-"}}).metadata.name
    yield name
    core.delete_namespace(name)


def remove_leftovers() -> None:
    """Take down the clusters of test runs that were killed."""
    for name in cluster_names():
        process = name.removeprefix("test-")
        if process != name and process.isdigit() and not Path("/proc", process).exists():
            Cluster(name).down()


def api_client(cluster: Cluster) -> ApiClient:
    configuration = Configuration()
    load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    return ApiClient(configuration)


def install_crd(api: ApiextensionsV1Api, manifest: dict[str, Any]) -> None:
    """Create or update a CRD and wait until it is served."""
    name = manifest["metadata"]["name"]
    api.patch_custom_resource_definition(
        name, manifest, field_manager="tests", force=True, _content_type="application/apply-patch+yaml"
    )
    for _ in range(100):
        status = api.read_custom_resource_definition(name).status
        conditions = (status and status.conditions) or []
        if any(condition.type == "Established" and condition.status == "True" for condition in conditions):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{name} was not established within 10 s")
