"""Who may do what after the chart is installed, and whom the operator may speak to."""

import pytest
from tests.unit.charts.rendered import (
    Render,
    of_kind,
    pod_template,
)


def test_an_operator_for_all_namespaces_has_a_cluster_role_and_one_for_some_has_roles_there(render: Render) -> None:
    cluster_wide, namespaced = render("rbac.aggregateToUserRoles=false"), render(file="namespaced")

    [cluster_role] = of_kind(cluster_wide, "ClusterRole")
    assert not of_kind(namespaced, "ClusterRole")
    assert not of_kind(namespaced, "ClusterRoleBinding")
    roles = {role["metadata"]["namespace"]: role["rules"] for role in of_kind(namespaced, "Role")}
    assert roles.keys() == {"team-a", "team-b", "modelrollout-system"}
    assert roles["team-a"] == roles["team-b"] == cluster_role["rules"]


def test_who_edits_a_namespace_edits_rollouts_only_where_the_values_say_so(render: Render) -> None:
    def aggregated(*values: str) -> set[str]:
        labels = [role["metadata"]["labels"] for role in of_kind(render(*values), "ClusterRole")]
        return {name for each in labels for name in each if "aggregate-to" in name}

    assert aggregated() == {"rbac.authorization.k8s.io/aggregate-to-view"}
    assert aggregated("rbac.aggregateToEdit=true") == {
        "rbac.authorization.k8s.io/aggregate-to-view",
        "rbac.authorization.k8s.io/aggregate-to-edit",
    }


def test_a_network_policy_lets_the_operator_reach_what_it_needs_and_be_scraped(render: Render) -> None:
    assert not of_kind(render(), "NetworkPolicy")
    [policy] = of_kind(render("networkPolicy.enabled=true"), "NetworkPolicy")
    labels = pod_template(render("networkPolicy.enabled=true"))["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [[{"port": "http", "protocol": "TCP"}]]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["spec"]["egress"]] == [
        [53, 53],
        [443, 6443],
        [9090],
    ]
    [narrow] = of_kind(render(file="everything"), "NetworkPolicy")
    assert all("from" in rule for rule in narrow["spec"]["ingress"])
    assert ["to" in rule for rule in narrow["spec"]["egress"]] == [False, True, True]


@pytest.mark.parametrize("file", ["default", "namespaced", "everything"])
def test_every_role_is_bound_to_the_service_account_of_the_pods(render: Render, file: str) -> None:
    manifests = render("rbac.aggregateToUserRoles=false", file=file)
    account = pod_template(manifests)["spec"]["serviceAccountName"]
    [created] = of_kind(manifests, "ServiceAccount")
    assert created["metadata"]["name"] == account

    for kind in ("Role", "ClusterRole"):
        roles = {(role["metadata"].get("namespace"), role["metadata"]["name"]) for role in of_kind(manifests, kind)}
        bindings = of_kind(manifests, f"{kind}Binding")
        bound = {(each["metadata"].get("namespace"), each["roleRef"]["name"]) for each in bindings}
        assert bound == roles
        subject = {"kind": "ServiceAccount", "name": account, "namespace": "modelrollout-system"}
        assert all(each["subjects"] == [subject] for each in bindings)
