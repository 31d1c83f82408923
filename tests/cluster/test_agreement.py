"""`lint`, the API server and what is made of a ModelRollout say the same of manifests, generated ones and odd ones."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes.client import ApiClient
from tests.cluster.generated_manifests import manifests
from tests.cluster.manifest_cases import MANIFESTS, Manifest, cases

from modelrollout.api.identity import version_of, workload_name
from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import VERSION, ModelRollout
from modelrollout.kube.manifests import children
from modelrollout.kube.ownership import Owner
from modelrollout.kube.transport import APPLY, as_yaml
from modelrollout.offline.manifests import check
from modelrollout.ports import kind_of
from modelrollout.rollout.observation import Backend
from modelrollout.traffic.gateway_api import GatewayAPIRouter
from modelrollout_contract.objects import GROUP

SEED, COUNT = 20261128, 2000
# PromQL is for Prometheus to parse: no rule of a schema can tell.
ONLY_PROMETHEUS_CAN_TELL = "must be PromQL"
# What a cluster's own policies and settings refuse.
ONLY_THE_CLUSTER_CAN_TELL = ("disallowed by cluster policy", "field label not supported")


class Server:
    """The API server, asked without that anything is stored."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        self._api = api
        self.namespace = namespace

    def create(self, body: bytes, content_type: str = "application/json") -> tuple[Manifest | None, str]:
        """What it would store, or why it refuses."""
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/modelrollouts"
        return self._ask("POST", f"{path}?dryRun=All&fieldValidation=Strict", body, content_type)

    def apply(self, manifest: Manifest) -> str:
        """Why it refuses an object of a version; empty if it does not."""
        metadata = manifest["metadata"]
        path = kind_of(manifest).path(metadata["namespace"], metadata["name"])
        query = "fieldManager=modelrollout&force=true&dryRun=All"
        return self._ask("PATCH", f"{path}?{query}", as_yaml(manifest), APPLY)[1]

    def _ask(self, method: str, path: str, body: bytes, content_type: str) -> tuple[Manifest | None, str]:
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        # The package would encode the body once more.
        pool = self._api.rest_client.pool_manager
        answer = pool.request(method, self._api.configuration.host + path, headers=headers, body=body)
        content = json.loads(answer.data)
        return (content, "") if answer.status < 300 else (None, content["message"])


@pytest.fixture
def server(kube_api: ApiClient, namespace: str) -> Server:
    return Server(kube_api, namespace)


def objections(manifest: Manifest) -> list[str]:
    parsed = parse_rollout(manifest, strict=True)
    found = [] if isinstance(parsed, ModelRollout) else list(map(str, parsed))
    return [] if found and all(ONLY_PROMETHEUS_CAN_TELL in objection for objection in found) else found


def test_lint_refuses_what_the_api_server_refuses_and_nothing_else(server: Server) -> None:
    generated = list(manifests(SEED, COUNT))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda manifest: server.create(json.dumps(manifest).encode()), generated))
    disagreements = [
        (manifest["spec"], refusal, found)
        for manifest, (stored, refusal) in zip(generated, answers, strict=True)
        if bool(found := objections(manifest)) == (stored is not None)
    ]
    assert not disagreements
    assert sum(stored is not None for stored, _ in answers) > COUNT // 10


@pytest.mark.usefixtures("gateway_api")
def test_what_is_accepted_becomes_a_deployment_a_service_and_a_route(server: Server) -> None:
    accepted = [manifest for manifest in manifests(SEED + 1, COUNT) if not objections(manifest)]
    with ThreadPoolExecutor(4) as threads:
        found = threads.map(lambda manifest: _refusals(server, manifest), accepted)
        refusals = [refusal for some in found for refusal in some]
    assert not [text for text in refusals if not any(known in text for known in ONLY_THE_CLUSTER_CAN_TELL)]
    assert len(accepted) > COUNT // 10


def _refusals(server: Server, manifest: Manifest) -> list[str]:
    stored, _ = server.create(json.dumps(manifest).encode())
    if stored is None:
        return []
    rollout = parse_rollout(stored)
    assert isinstance(rollout, ModelRollout)
    owner, version = Owner.of(stored), version_of(rollout.spec.model)
    backend = Backend(
        version_hash=version.hash,
        bento=version.bento,
        service=workload_name(owner.name, version.hash),
        port=80,
        weight=1,
    )
    made = (
        *children(owner, rollout.spec.serving, version, rollout.spec.serving.replicas),
        GatewayAPIRouter().build(owner, rollout.spec.traffic, [backend]),
    )
    return [refusal for child in made if (refusal := server.apply(child))]


@pytest.mark.parametrize("case", cases("odd-yaml.yaml"))
def test_lint_reads_yaml_as_the_api_server_does(server: Server, case: dict[str, Any]) -> None:
    smallest = (MANIFESTS / "smallest.yaml").read_text()
    data = smallest.replace("spec:\n", f"spec:\n  {case['line']}\n").encode(errors="surrogatepass")
    stored, refusal = server.create(data, "application/yaml")
    assert (not check("file", data).findings) == (stored is not None), refusal


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_what_is_nested_too_deeply_is_refused_by_both(server: Server, opening: str, closing: str) -> None:
    nested = opening * 3000 + closing * 3000
    data = (MANIFESTS / "smallest.yaml").read_text().replace("spec:\n", f"spec:\n  suspend: {nested}\n").encode()
    assert server.create(data, "application/yaml")[1]
    [finding] = check("file", data).findings
    assert "nested too deeply" in finding.message
