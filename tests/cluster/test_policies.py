"""The sample policies, as a real API server enforces them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import AdmissionregistrationV1Api, ApiClient, ApiException, CoreV1Api, CustomObjectsApi
from tests.cluster.manifest_cases import Manifest, changed

from modelrollout.api.rollout import VERSION
from modelrollout_contract.objects import GROUP

POLICIES = Path(__file__).parents[2] / "examples" / "policies"
MINE = {"metadata": {"annotations": {"modelrollout.example.com/hostnames": "churn.example,fraud.example"}}}


def rollout(hostnames: tuple[str, ...] = ("churn.example",), **pod: Any) -> Manifest:
    serving = {"podTemplate": {"spec": pod}} if pod else {}
    return changed({"spec": {"traffic": {"gatewayAPI": {"hostnames": list(hostnames)}}, "serving": serving}})


@pytest.fixture(scope="module")
def policies(kube_api: ApiClient) -> Iterator[None]:
    admission = AdmissionregistrationV1Api(kube_api)
    made = []
    for path in sorted(POLICIES.glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            kind = "policy" if manifest["kind"] == "ValidatingAdmissionPolicy" else "policy_binding"
            getattr(admission, f"create_validating_admission_{kind}")(manifest)
            made.append((kind, manifest["metadata"]["name"]))
    yield
    for kind, name in made:
        getattr(admission, f"delete_validating_admission_{kind}")(name)


@pytest.fixture
def refusal(policies: None, kube_api: ApiClient, namespace: str) -> Any:
    """Why the API server refuses a manifest in a namespace that owns hostnames; empty if it does not."""
    CoreV1Api(kube_api).patch_namespace(namespace, MINE)

    def ask(manifest: Manifest) -> str:
        try:
            CustomObjectsApi(kube_api).create_namespaced_custom_object(
                GROUP, VERSION, namespace, "modelrollouts", manifest, dry_run="All"
            )
        except ApiException as error:
            return str(error.body)
        return ""

    # Policies are enforced a moment after they are made.
    for _ in range(200):
        if ask(rollout(("other.example",))) and ask(rollout(hostPID=True)):
            break
        time.sleep(0.1)
    return ask


@pytest.mark.parametrize(
    "manifest",
    [
        rollout(),
        rollout(("churn.example", "v2.fraud.example")),
        rollout(nodeSelector={"pool": "models"}, volumes=[{"name": "cache", "emptyDir": {}}]),
        rollout(containers=[{"name": "model", "securityContext": None}, {"name": "side", "image": "side:v1"}]),
    ],
)
def test_what_the_policies_are_not_about_passes(refusal: Any, manifest: Manifest) -> None:
    assert refusal(manifest) == ""


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (rollout(serviceAccountName="admin"), "without a service account"),
        (rollout(serviceAccount="admin"), "without a service account"),
        (rollout(automountServiceAccountToken=True), "without a service account"),
        (
            rollout(volumes=[{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]),
            "mount no token",
        ),
        (rollout(hostPID=True), "share nothing with their node"),
        (rollout(hostIPC=True), "share nothing with their node"),
        (rollout(volumes=[{"name": "etc", "hostPath": {"path": "/etc"}}]), "no directory of their node"),
        (
            rollout(
                initContainers=[
                    {
                        "name": "root",
                        "image": "root:v1",
                        "securityContext": {"privileged": True, "allowPrivilegeEscalation": True},
                    }
                ]
            ),
            "without privileges",
        ),
        (rollout(securityContext={"runAsUser": 0, "runAsNonRoot": False}), "do not run as root"),
        (rollout(("other.example",)), "hostnames of this namespace are churn.example, fraud.example"),
        (rollout(("notchurn.example",)), "hostnames of this namespace are"),
        (rollout(("*.example",)), "hostnames of this namespace are"),
        (rollout(()), "hostnames must be named"),
        (
            changed(
                {"spec": {"traffic": {"gatewayAPI": {"hostnames": ["other.example"], "pathPrefix": "/a/longer/one"}}}}
            ),
            "hostnames of this namespace are",
        ),
    ],
)
def test_what_the_policies_are_about_is_refused_with_a_sentence(refusal: Any, manifest: Manifest, says: str) -> None:
    assert says in refusal(manifest)
