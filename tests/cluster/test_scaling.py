"""How many pods there are is for autoscalers to say, on a real API server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes.client import ApiClient, AppsV1Api, CustomObjectsApi
from tests.cluster.site import Site, serving_site

from modelrollout.ports import DEPLOYMENT
from modelrollout_localcluster import Cluster


@pytest.fixture
async def site(control_plane: Cluster, gateway_api: None, namespace: str) -> AsyncIterator[Site]:
    async with serving_site(control_plane.kubeconfig, namespace) as site:
        yield site


async def deployment(site: Site) -> Any:
    [found] = await site.client.list(DEPLOYMENT, site.namespace)
    return found


@pytest.mark.parametrize(
    ("manager", "kept"), [("kube-controller-manager", 4), ("keda", 4), ("kubectl", 1), ("kubectl-scale", 1)]
)
async def test_what_an_autoscaler_sets_stays_and_what_people_set_by_hand_is_put_back(
    manager: str, kept: int, site: Site, kube_api: ApiClient
) -> None:
    name = (await deployment(site))["metadata"]["name"]
    AppsV1Api(kube_api).patch_namespaced_deployment_scale(
        name, site.namespace, {"spec": {"replicas": 4}}, field_manager=manager
    )

    await site.look()

    assert (await deployment(site))["spec"]["replicas"] == kept
    assert "Deployment" not in await site.look()


async def test_a_rollout_is_scaled_like_a_deployment(site: Site, kube_api: ApiClient) -> None:
    CustomObjectsApi(kube_api).patch_namespaced_custom_object_scale(
        "modelrollout.io", "v1alpha1", site.namespace, "modelrollouts", "churn", {"spec": {"replicas": 3}}
    )
    await site.look()

    assert (await deployment(site))["spec"]["replicas"] == 3
    assert (await site.rollout())["status"]["selector"] == "modelrollout.io/rollout=churn"
    assert "challenger" not in (await site.rollout())["status"]
