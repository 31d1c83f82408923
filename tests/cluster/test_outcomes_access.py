"""Who may send and read outcomes, as a real API server says by the roles of the chart."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi.testclient import TestClient
from kubernetes.client import ApiClient, CoreV1Api, RbacAuthorizationV1Api
from kubernetes.utils import create_from_dict

from modelrollout_outcomes.service.app import create_app
from modelrollout_outcomes.service.kubernetes import ApiServer
from modelrollout_outcomes.service.settings import ServiceSettings
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.storage.database import open_database
from modelrollout_outcomes.storage.migrate import migrate

CHART = Path(__file__).parents[2] / "charts" / "outcomes"
AUDIENCE = "modelrollout-outcomes"


@pytest.fixture
def roles(helm: Callable[..., str], kube_api: ApiClient, namespace: str) -> Iterator[str]:
    """The service account and the roles of the chart. Gives the beginning of the roles' names."""
    image = "image.repository=registry.example/outcomes"
    rendered = helm("template", "outcomes", CHART, f"--namespace={namespace}", "--set", image)
    wanted = [
        each for each in yaml.safe_load_all(rendered) if each and ("Role" in each["kind"] or "Acc" in each["kind"])
    ]
    for each in wanted:
        create_from_dict(kube_api, each)
    yield f"{namespace}-outcomes"
    rbac = RbacAuthorizationV1Api(kube_api)
    for each in wanted:
        if each["kind"] == "ClusterRole":
            rbac.delete_cluster_role(each["metadata"]["name"])
        elif each["kind"] == "ClusterRoleBinding":
            rbac.delete_cluster_role_binding(each["metadata"]["name"])


@pytest.fixture
def token(kube_api: ApiClient, namespace: str, tmp_path: Path) -> Callable[..., str]:
    """A token of a service account of the namespace, for an audience."""

    def issue(account: str, audience: str = AUDIENCE) -> str:
        spec = {"spec": {"audiences": [audience] if audience else []}}
        answer = CoreV1Api(kube_api).create_namespaced_service_account_token(account, namespace, spec)
        return str(answer.status.token)

    return issue


@pytest.fixture
def client(kube_api: ApiClient, roles: str, token: Callable[..., str], tmp_path: Path) -> Iterator[TestClient]:
    """The service, which has the rights of its account and no more."""
    assert roles
    (tmp_path / "token").write_text(token("outcomes", ""))
    configuration = kube_api.configuration
    trust = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    server = httpx.AsyncClient(base_url=configuration.host, verify=trust)
    database = open_database(f"sqlite:///{tmp_path / 'outcomes.db'}")
    migrate(database)
    service = Service.of(ServiceSettings(access="kubernetes"), database, lambda: 1_800_000_000.0)
    # Entered, since the connection to the API server belongs to one event loop.
    with TestClient(create_app(service, ApiServer(server, tmp_path / "token"))) as running:
        yield running
    database.close()


def send(client: TestClient, token: str, namespace: str) -> Any:
    item = {"namespace": namespace, "rollout": "digits", "request": "a", "version": "v1", "at": 1_800_000_000}
    headers = {"authorization": f"Bearer {token}"}
    return client.post("/v1/predictions", json={"predictions": [item]}, headers=headers)


def test_a_model_sends_what_it_predicts_where_its_role_is_bound_and_reads_nothing(
    client: TestClient, kube_api: ApiClient, namespace: str, roles: str, token: Callable[..., str]
) -> None:
    rbac, core = RbacAuthorizationV1Api(kube_api), CoreV1Api(kube_api)
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "model"}})
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "stranger"}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{roles}-writer"}
    subjects = [{"kind": "ServiceAccount", "name": "model", "namespace": namespace}]
    binding = {"metadata": {"name": "model-sends"}, "roleRef": role, "subjects": subjects}
    rbac.create_namespaced_role_binding(namespace, binding)
    model, stranger = token("model"), token("stranger")

    assert send(client, model, namespace).json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    [refused] = send(client, stranger, namespace).json()["rejected"]
    assert f"system:serviceaccount:{namespace}:stranger may not create modelrollouts/predictions" in refused["reason"]
    assert send(client, model, "default").json()["accepted"] == 0
    status = f"/v1/rollouts/{namespace}/digits/status"
    assert client.get(status, headers={"authorization": f"Bearer {model}"}).status_code == 403


def test_a_token_for_the_api_server_is_none_for_the_service(
    client: TestClient, namespace: str, token: Callable[..., str]
) -> None:
    assert send(client, token("outcomes", ""), namespace).status_code == 401
    assert send(client, "no.such.token", namespace).status_code == 401
