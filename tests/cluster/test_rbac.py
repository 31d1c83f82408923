"""What the operator and the users of ModelRollouts may do with the chart's roles, by trying it with their tokens."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from kubernetes.client import ApiClient
from tests.cluster.access import Account, Right, rights
from tests.cluster.gateways import acceptance

from modelrollout.api.identity import version_of, workload_name
from modelrollout.api.model import Model
from modelrollout.runtime.access import ACCESS
from modelrollout_localcluster import Cluster, kubectl

Helm = Callable[..., str]
Kubectl = Callable[..., str]
FindAccount = Callable[[str, str], Account]

ALL, ONE = "all namespaces", "one namespace"

ROLLOUT = Path(__file__).parent / "manifests" / "smallest.yaml"

NEEDED = rights({(access.group, access.resource): access.verbs for access in ACCESS})

REFUSED = rights(
    {
        ("modelrollout.io", "modelrollouts"): "create update patch delete deletecollection",
        ("modelrollout.io", "modelrollouts/status"): "update",
        ("apps", "deployments"): "update deletecollection",
        ("apps", "deployments/scale"): "update patch",
        ("apps", "statefulsets"): "get create",
        ("batch", "jobs"): "get create",
        ("", "services"): "update deletecollection",
        ("", "pods"): "get create patch delete deletecollection",
        ("", "pods/exec"): "get create",
        ("", "pods/log"): "get",
        ("", "pods/eviction"): "create",
        ("", "secrets"): "list watch create patch delete",
        ("", "configmaps"): "list watch",
        ("", "serviceaccounts"): "get create",
        ("", "serviceaccounts/token"): "create",
        ("", "persistentvolumeclaims"): "list create",
        ("", "events"): "list delete",
        ("gateway.networking.k8s.io", "httproutes"): "update delete",
        ("gateway.networking.k8s.io", "gateways"): "get patch",
        ("coordination.k8s.io", "leases"): "get create patch delete",
        ("networking.k8s.io", "networkpolicies"): "list create",
        ("rbac.authorization.k8s.io", "roles"): "get create patch",
        ("rbac.authorization.k8s.io", "rolebindings"): "get create patch",
    }
)

REFUSED_FOR_THE_CLUSTER = rights(
    {
        ("", "nodes"): "get list patch",
        ("", "nodes/proxy"): "get",
        ("", "namespaces"): "list create delete",
        ("", "secrets"): "list",
        ("", "configmaps"): "list",
        ("", "persistentvolumes"): "list",
        ("rbac.authorization.k8s.io", "clusterroles"): "create patch",
        ("rbac.authorization.k8s.io", "clusterrolebindings"): "create patch",
        ("apiextensions.k8s.io", "customresourcedefinitions"): "get list create patch delete",
        ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): "list create patch",
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): "list create patch",
    }
)


@dataclass(frozen=True)
class Operator:
    """An installed operator: its release, the namespace it is in, one it looks after, and one that it need not.

    everyone: an account without any rights of its own.
    """

    account: Account
    everyone: Account
    release: str
    home: str
    watched: str
    other: str

    def own_rights(self, namespace: str) -> set[Right]:
        """What its account may do in a namespace beyond what everyone may."""
        return self.account.rights(namespace) - self.everyone.rights(namespace)


@pytest.fixture(scope="module")
def run_kubectl(control_plane: Cluster) -> Kubectl:
    return lambda *arguments: kubectl.run(control_plane.kubeconfig, *arguments)


@pytest.fixture(scope="module")
def find_account(kube_api: ApiClient, run_kubectl: Kubectl) -> FindAccount:
    """The service account of a namespace and name."""
    configuration = kube_api.configuration

    def find(namespace: str, name: str) -> Account:
        token = run_kubectl("create", "token", name, f"--namespace={namespace}").strip()
        return Account(configuration.host, str(configuration.ssl_ca_cert), token)

    return find


@pytest.fixture(scope="module", params=[ALL, ONE])
def operator(
    request: pytest.FixtureRequest,
    helm: Helm,
    chart: Path,
    control_plane: Cluster,
    run_kubectl: Kubectl,
    find_account: FindAccount,
) -> Iterator[Operator]:
    """An operator that the chart has installed to look after all namespaces or one."""
    release = f"modelrollout-{uuid4().hex[:8]}"
    home, watched, other = namespaces = [f"{release}-{role}" for role in ("home", "watched", "other")]
    for namespace in namespaces:
        run_kubectl("create", "namespace", namespace)
    run_kubectl("create", "serviceaccount", "everyone", f"--namespace={home}")
    options = [f"--namespace={home}", f"--kubeconfig={control_plane.kubeconfig}"]
    values = [f"--values={chart}/ci/default-values.yaml", "--set=crds.install=false"]
    if request.param == ONE:
        values.append(f"--set=watchNamespaces={{{watched}}},watchAllNamespaces=false")
    helm("install", release, chart, *values, *options)
    yield Operator(find_account(home, release), find_account(home, "everyone"), release, home, watched, other)
    helm("uninstall", release, *options)
    run_kubectl("delete", "namespace", *namespaces, "--wait=false")


def test_where_it_looks_after_rollouts_the_operator_may_do_what_it_does_and_nothing_else(operator: Operator) -> None:
    assert [right for right in NEEDED if not operator.account.may(right, operator.watched)] == []
    assert operator.own_rights(operator.watched) == set(NEEDED)


def test_the_operator_may_hold_its_own_lease_and_no_other(operator: Operator) -> None:
    create = Right("create", "coordination.k8s.io", "leases")
    hold = {create, *(Right(verb, "coordination.k8s.io", "leases", operator.release) for verb in ("get", "patch"))}

    assert [right for right in hold if not operator.account.may(right, operator.home)] == []
    assert operator.own_rights(operator.home) - set(NEEDED) == hold
    assert not operator.account.may(Right("patch", "coordination.k8s.io", "leases", "another"), operator.home)


@pytest.mark.parametrize("operator", [ONE], indirect=True)
def test_an_operator_for_one_namespace_can_do_nothing_elsewhere(operator: Operator) -> None:
    for namespace in (operator.other, None):
        assert [right for right in NEEDED if operator.account.may(right, namespace)] == []
    assert operator.own_rights(operator.other) == set()


def test_the_operator_is_refused_what_it_must_not_do(operator: Operator) -> None:
    assert [right for right in REFUSED if operator.account.may(right, operator.watched)] == []
    assert [right for right in REFUSED_FOR_THE_CLUSTER if operator.account.may(right, None)] == []


VIEW, EDIT = (
    rights({("modelrollout.io", "modelrollouts"): verbs})
    for verbs in ("get list watch", "create update patch delete deletecollection")
)


@pytest.mark.parametrize("operator", [ALL], indirect=True)
@pytest.mark.parametrize(
    ("role", "allowed", "refused"), [("view", VIEW, EDIT), ("edit", VIEW, EDIT), ("admin", VIEW, EDIT)]
)
def test_the_built_in_roles_read_rollouts_but_do_not_run_pods_with_them(
    operator: Operator,
    run_kubectl: Kubectl,
    find_account: FindAccount,
    role: str,
    allowed: list[Right],
    refused: list[Right],
) -> None:
    binding = (role, f"--namespace={operator.other}")
    run_kubectl("create", "serviceaccount", *binding)
    run_kubectl("create", "rolebinding", *binding, f"--clusterrole={role}", f"--serviceaccount={operator.other}:{role}")
    user = find_account(operator.other, role)

    # A controller gathers the rules of the built-in roles a moment after the install.
    eventually(lambda: all(user.may(right, operator.other) for right in allowed))
    refused = [*refused, Right("patch", "modelrollout.io", "modelrollouts/status")]
    assert [right for right in refused if user.may(right, operator.other)] == []


@pytest.fixture
def running(operator: Operator, run_kubectl: Kubectl, gateway_api: None, tmp_path: Path) -> Iterator[Path]:
    """The operator's program, with its own account and the arguments of its Deployment. Gives its log."""
    operator.account.write_kubeconfig(tmp_path / "kubeconfig")
    deployment = run_kubectl("get", "deployment", operator.release, f"--namespace={operator.home}", "--output=json")
    arguments = json.loads(deployment)["spec"]["template"]["spec"]["containers"][0]["args"]
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("modelrollout-operator"), *arguments, "--port=0"],
            env={**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    yield log
    process.terminate()
    process.wait(30)


def test_the_operator_deploys_and_replaces_a_model_with_these_rights(
    operator: Operator, running: Path, run_kubectl: Kubectl
) -> None:
    def run(*arguments: str) -> str:
        return run_kubectl(f"--namespace={operator.watched}", *arguments)

    first, second = (Model(bento=f"churn:{tag}", image=f"registry.example/churn:{tag}") for tag in ("v1", "v2"))
    name = workload_name("churn", version_of(first).hash)

    run("create", f"--filename={ROLLOUT}")
    for made in (f"deployment/{name}", f"service/{name}", "httproute/churn"):
        run("wait", "--for=create", made)
    run("wait", "--for=jsonpath={.status.champion.bento}=churn:v1", "modelrollout/churn")
    edit = {"model": second.manifest(), "serving": {"drain": "0s"}}
    run("patch", "modelrollout/churn", "--type=merge", f"--patch={json.dumps({'spec': edit})}")
    # There is neither a kubelet nor a gateway: the new pods are said to be ready, and the route to be accepted.
    eventually(lambda: bool(say_all_is_well(run, version_of(second).hash)) and gone(run, name), seconds=60.0)

    assert run("get", "events", "--field-selector=involvedObject.kind=ModelRollout", "--output=name")
    assert "forbidden" not in running.read_text().lower()


def gone(run: Kubectl, name: str) -> bool:
    """Whether nothing is left of a version."""
    return not run("get", f"deployment/{name}", f"service/{name}", "--ignore-not-found", "--output=name")


def say_all_is_well(run: Kubectl, version: str) -> list[str]:
    """Report the pods of a version as ready and the route as accepted. Returns the pods."""
    pods = run("get", "pods", f"--selector=modelrollout.io/version={version}", "--output=name").split()
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    for pod in pods:
        run("patch", pod, "--subresource=status", "--type=merge", f"--patch={json.dumps(ready)}")
    route = json.loads(run("get", "httproute/churn", "--output=json"))
    answer = {"status": acceptance(route)}
    run("patch", "httproute/churn", "--subresource=status", "--type=merge", f"--patch={json.dumps(answer)}")
    return pods


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds. Raises TimeoutError if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)
