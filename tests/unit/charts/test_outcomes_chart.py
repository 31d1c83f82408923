"""What the chart of the outcomes service makes of its values."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout_localcluster import LocalClusterError
from modelrollout_outcomes.commands.options import parse
from modelrollout_outcomes.service.kubernetes import GROUP
from modelrollout_outcomes.service.settings import ServiceSettings

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


@pytest.fixture
def render(helm: Callable[..., str], chart: Path) -> Render:
    """The manifests that the chart makes of values, each given as `name=value`."""

    def run(*values: str, file: str = "default") -> list[Manifest]:
        outcomes = chart.parent / "outcomes"
        settings = [argument for value in values for argument in ("--set", value)]
        given = f"--values={outcomes / 'ci' / file}-values.yaml"
        rendered = helm("template", "outcomes", outcomes, "--namespace=modelrollout-system", given, *settings)
        return [manifest for manifest in yaml.safe_load_all(rendered) if manifest]

    return run


def the(kind: str, manifests: list[Manifest]) -> Manifest:
    [found] = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def pod(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = the("Deployment", manifests)["spec"]["template"]["spec"]
    return spec


def container(manifests: list[Manifest]) -> Manifest:
    [found] = pod(manifests)["containers"]
    return dict(found)


def settings(manifests: list[Manifest]) -> ServiceSettings:
    """What the service makes of its arguments."""
    command, *arguments = container(manifests)["args"]
    assert command == "serve"
    return parse(ServiceSettings, "serve", arguments)


def test_the_service_listens_where_its_service_and_its_probes_look(render: Render) -> None:
    manifests = render()
    assert (settings(manifests).host, settings(manifests).port) == ("0.0.0.0", 8080)
    [port] = the("Service", manifests)["spec"]["ports"]
    named = {each["name"]: each["containerPort"] for each in container(manifests)["ports"]}
    assert (port["port"], named[port["targetPort"]]) == (8080, 8080)
    probes = [container(manifests)[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert [(probe["path"], named[probe["port"]]) for probe in probes] == [
        ("/healthz", 8080),
        ("/healthz", 8080),
        ("/readyz", 8080),
    ]


def test_values_become_options_of_the_service(render: Render) -> None:
    changed = ("maturities={90s,1d12h}", "retention=60d", "truthWaits=2h", "countInterval=2", "logLevel=DEBUG")
    defaults, given = settings(render()), settings(render(*changed, "extraArgs={--max-classes=7}"))
    expected = ServiceSettings(host="0.0.0.0", port=8080, access="kubernetes")
    assert defaults.model_dump() == expected.model_dump()
    assert given.maturity == (90, 129600)
    assert (given.retention, given.truth_waits, given.count_interval) == (60 * 86400, 7200, 2)
    assert (given.log_level, given.max_classes) == ("DEBUG", 7)


def test_the_database_is_that_of_the_secret_and_no_file_is_kept(render: Render) -> None:
    manifests = render("database.key=address", file="postgresql")
    [database] = container(manifests)["env"]
    assert database["name"] == "MODELROLLOUT_OUTCOMES_DATABASE"
    assert database["valueFrom"] == {"secretKeyRef": {"name": "outcomes-database", "key": "address"}}
    assert [volume["name"] for volume in pod(manifests)["volumes"]] == ["tmp"]
    assert the("Deployment", manifests)["spec"]["strategy"]["type"] == "RollingUpdate"


@pytest.mark.parametrize(
    ("claim", "source", "group"),
    [
        ("", {"emptyDir": {"sizeLimit": "1Gi"}}, None),
        ("kept", {"persistentVolumeClaim": {"claimName": "kept"}}, 65532),
    ],
    ids=["goes with the pod", "is kept"],
)
def test_without_a_secret_one_pod_keeps_a_file_that_it_may_write(
    render: Render, claim: str, source: Manifest, group: int | None
) -> None:
    manifests = render(f"sqlite.existingClaim={claim}")
    [mount] = [each for each in container(manifests)["volumeMounts"] if each["name"] == "data"]
    [volume] = [each for each in pod(manifests)["volumes"] if each["name"] == "data"]
    assert volume == {"name": "data", **source}
    assert container(manifests)["env"][0]["value"] == f"sqlite:///{mount['mountPath']}/outcomes.db"
    assert pod(manifests)["securityContext"].get("fsGroup") == group
    assert the("Deployment", manifests)["spec"]["strategy"] == {"type": "Recreate"}
    with pytest.raises(LocalClusterError, match=r"database.secret is required for more than one replica"):
        render("replicas=2")


@pytest.mark.parametrize("file", ["default", "postgresql"])
def test_the_pod_is_one_of_the_restricted_profile_and_takes_no_service_for_its_options(
    render: Render, file: str
) -> None:
    spec, running = pod(render(file=file)), container(render(file=file))
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert running["securityContext"]["allowPrivilegeEscalation"] is False
    assert running["securityContext"]["readOnlyRootFilesystem"] is True
    assert running["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["enableServiceLinks"] is False


def test_prometheus_finds_the_pods_by_annotations_or_by_a_monitor_that_keeps_the_labels(render: Render) -> None:
    annotations = the("Deployment", render())["spec"]["template"]["metadata"]["annotations"]
    assert {name: value for name, value in annotations.items() if name.startswith("prometheus.io/")} == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
        "prometheus.io/path": "/metrics",
    }
    [endpoint] = the("PodMonitor", render(file="postgresql"))["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["honorLabels"]) == ("http", True)


def test_it_asks_the_api_server_who_somebody_is_and_nothing_else(render: Render) -> None:
    binding = the("ClusterRoleBinding", render())
    assert binding["roleRef"]["name"] == "system:auth-delegator"
    [subject] = binding["subjects"]
    assert subject["name"] == pod(render())["serviceAccountName"] == the("ServiceAccount", render())["metadata"]["name"]
    assert pod(render())["automountServiceAccountToken"] is True


@pytest.mark.parametrize("access", [("access=open",), ("access=tokens", "tokensSecret=tokens")])
def test_without_the_api_server_it_has_no_token_and_no_rights(render: Render, access: Sequence[str]) -> None:
    manifests = render(*access)
    assert [each["kind"] for each in manifests if "Role" in each["kind"]] == []
    assert pod(manifests)["automountServiceAccountToken"] is False


def test_tokens_come_from_a_secret_that_is_mounted_where_they_are_looked_for(render: Render) -> None:
    manifests = render("access=tokens", "tokensSecret=known")
    [mount] = [each for each in container(manifests)["volumeMounts"] if each["name"] == "tokens"]
    [volume] = [each for each in pod(manifests)["volumes"] if each["name"] == "tokens"]
    assert volume["secret"] == {"secretName": "known"}
    assert settings(manifests).tokens_file == Path(mount["mountPath"]) / "tokens"
    with pytest.raises(LocalClusterError, match="tokensSecret is required"):
        render("access=tokens")


def test_roles_for_users_name_what_the_service_asks_about(render: Render) -> None:
    roles = [each for each in render() if each["kind"] == "ClusterRole"]
    rights = {
        (verb, resource)
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }
    assert {group for role in roles for rule in role["rules"] for group in rule["apiGroups"]} == {GROUP}
    assert rights == {
        ("create", "modelrollouts/predictions"),
        ("create", "modelrollouts/truths"),
        ("get", "modelrollouts/outcomes"),
        ("update", "modelrollouts/outcomes"),
        ("delete", "modelrollouts/predictions"),
    }


def test_what_selects_the_pods_selects_them(render: Render) -> None:
    manifests = render(file="postgresql")
    labels = the("Deployment", manifests)["spec"]["template"]["metadata"]["labels"]
    selectors = [
        the("Service", manifests)["spec"]["selector"],
        the("Deployment", manifests)["spec"]["selector"]["matchLabels"],
        the("PodDisruptionBudget", manifests)["spec"]["selector"]["matchLabels"],
        the("PodMonitor", manifests)["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy", manifests)["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)


def test_a_network_policy_lets_the_service_reach_its_database(render: Render) -> None:
    rules = the("NetworkPolicy", render(file="postgresql"))["spec"]["egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in rules] == [[53, 53], [443, 6443], [5432]]
    alone = the("NetworkPolicy", render("networkPolicy.enabled=true"))["spec"]["egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in alone] == [[53, 53], [443, 6443]]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("database.url=postgresql://x", "url"),
        ("maturities=24h", "/maturities"),
        ("maturities={1 day}", "/maturities/0"),
        ("access=none", "/access"),
        ("retention=30", "/retention"),
        ("countInterval=0", "/countInterval"),
        ("replicas=two", "/replicas"),
        ("sqlite.sizeLimit=100", "/sqlite/sizeLimit"),
        ("networkPolicy.databasePorts={0}", "/networkPolicy/databasePorts/0"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(render: Render, value: str, named: str) -> None:
    with pytest.raises(LocalClusterError, match=f"'{named}'"):
        render(value)


def test_the_image_is_asked_for_by_name_and_example(helm: Callable[..., str], chart: Path) -> None:
    with pytest.raises(
        LocalClusterError, match=r"image.repository is required: .* for example --set image.repository="
    ):
        helm("template", chart.parent / "outcomes")
