from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.unit.charts.rendered import (
    PROMETHEUS,
    REQUIRED,
    Manifest,
    Render,
    container,
    deployment,
    of_kind,
    pod_template,
)

from modelrollout.api.identity import version_of
from modelrollout.api.model import Model
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.kube.manifests import build_deployment
from modelrollout.kube.ownership import Owner
from modelrollout.runtime.settings import OperatorSettings, parse
from modelrollout_localcluster import LocalClusterError


@pytest.mark.parametrize(
    ("missing", "given"),
    [("prometheus.url", REQUIRED[1]), ("image.repository", REQUIRED[0])],
)
def test_a_required_value_that_is_missing_is_asked_for_by_name_and_example(
    helm: Callable[..., str], chart: Path, missing: str, given: str
) -> None:
    with pytest.raises(LocalClusterError, match=rf"{missing} is required: .* for example --set {missing}="):
        helm("template", chart, "--set", given)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((), "watchNamespaces is required: .* for example --set watchNamespaces="),
        (("watchNamespaces={team-a}", "watchAllNamespaces=true"), "exclude each other"),
    ],
    ids=["neither", "both"],
)
def test_the_operator_must_be_told_in_which_namespaces_it_has_rights(
    helm: Callable[..., str], chart: Path, values: tuple[str, ...], message: str
) -> None:
    settings = [argument for value in (*REQUIRED, *values) for argument in ("--set", value)]
    with pytest.raises(LocalClusterError, match=message):
        helm("template", chart, *settings)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("prometheus.url=prometheus:9090", "/prometheus/url"),
        ("prometheus.scrapeInterval=0", "/prometheus/scrapeInterval"),
        ("prometheus.scrapeInterval=15s", "/prometheus/scrapeInterval"),
        ("prometheus.interval=15", "interval"),
        ("prometheus.tokenSecret=token", "/prometheus/tokenSecret"),
        ("prometheus.namespaces.Team=mimir", "Team"),
        ("checkpointInterval=-1", "/checkpointInterval"),
        ("watchNamespaces=team-a", "/watchNamespaces"),
        ("watchNamespaces={Team_A}", "/watchNamespaces/0"),
        ("watchNamespaces={a,a}", "/watchNamespaces"),
        ("queryGates.namespaces=ml", "/queryGates/namespaces"),
        ("queryGates.namespaces={Team_A}", "/queryGates/namespaces/0"),
        ("logLevel=info", "/logLevel"),
        ("replicas=two", "/replicas"),
        ("replicas=-1", "/replicas"),
        ("replicaCount=2", "replicaCount"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("image.digest=latest", "/image/digest"),
        ("terminationGracePeriodSeconds=20", "/terminationGracePeriodSeconds"),
        ("containerLogs=maybe", "/containerLogs"),
        ("gateway.versionHeader=maybe", "/gateway/versionHeader"),
        ("crds.enabled=true", "enabled"),
        ("extraArgs={verbose}", "/extraArgs/0"),
        ("recording.enabled=yes", "/recording/enabled"),
        ("recording.sizeLimit=100", "/recording/sizeLimit"),
        ("recording.claim=records", "claim"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(render: Render, value: str, named: str) -> None:
    with pytest.raises(LocalClusterError, match=f"'{named}'"):
        render(value)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            "default",
            OperatorSettings(
                prometheus_url=PROMETHEUS, lease_name="modelrollout", lease_namespace="modelrollout-system"
            ),
        ),
        (
            "namespaced",
            OperatorSettings(
                prometheus_url=PROMETHEUS,
                namespace=("team-a", "team-b"),
                scrape_interval=5.0,
                lease_name="modelrollout",
                lease_namespace="modelrollout-system",
            ),
        ),
        (
            "everything",
            OperatorSettings(
                prometheus_url="https://prometheus.monitoring:9090/tenant",
                prometheus_credentials=Path("/etc/modelrollout/prometheus"),
                prometheus_of_namespaces=Path("/etc/modelrollout/namespaces"),
                scrape_interval=2.5,
                checkpoint_interval=30.0,
                workers=4,
                lease_name="rollouts",
                lease_namespace="modelrollout-system",
                record_dir=Path("/records"),
                record_limit=512 * 1024**2,
                version_header=False,
                follow_secrets=False,
                container_logs=True,
                log_level="DEBUG",
            ),
        ),
    ],
)
def test_the_operator_gets_its_settings_from_the_values(render: Render, file: str, expected: OperatorSettings) -> None:
    assert parse(container(render(file=file))["args"]) == expected


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ((), "registry.example/modelrollout:{appVersion}"),
        (("image.tag=1.2.3",), "registry.example/modelrollout:1.2.3"),
        (
            ("image.tag=1.2.3", f"image.digest=sha256:{'0' * 64}"),
            f"registry.example/modelrollout@sha256:{'0' * 64}",
        ),
    ],
    ids=["version of the chart", "tag", "digest"],
)
def test_the_image_is_the_most_exact_one_that_is_given(
    render: Render, chart: Path, values: tuple[str, ...], image: str
) -> None:
    metadata = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert container(render(*values))["image"] == image.format(appVersion=metadata["appVersion"])


def test_what_opens_prometheus_is_mounted_where_the_operator_looks_for_it(render: Render) -> None:
    manifests = render(file="everything")
    [mount] = [mount for mount in container(manifests)["volumeMounts"] if mount["name"] == "prometheus"]
    [volume] = [volume for volume in pod_template(manifests)["spec"]["volumes"] if volume["name"] == "prometheus"]
    projected = [part for source in volume["projected"]["sources"] for part in source.values()]

    assert mount["mountPath"] == str(parse(container(manifests)["args"]).prometheus_credentials)
    assert {part["name"]: {item["key"]: item["path"] for item in part.get("items", ())} for part in projected} == {
        "mimir": {},
        "prometheus-ca": {"ca.crt": "ca.crt"},
        "prometheus-reader": {"bearer": "token"},
    }


def test_what_a_namespace_has_of_its_own_is_mounted_under_its_name(render: Render) -> None:
    manifests = render(file="everything")
    secrets = {
        volume["name"]: volume["secret"]["secretName"]
        for volume in pod_template(manifests)["spec"]["volumes"]
        if "secret" in volume
    }
    mounts = {mount["mountPath"]: mount["name"] for mount in container(manifests)["volumeMounts"]}

    own = parse(container(manifests)["args"]).prometheus_of_namespaces
    assert secrets[mounts[f"{own}/team-a"]] == "mimir-of-a"
    assert secrets[mounts[f"{own}/team-b"]] == "mimir-of-b"


@pytest.mark.parametrize(
    ("claim", "source", "group"),
    [
        ("", {"emptyDir": {"sizeLimit": "1Gi"}}, None),
        ("kept", {"persistentVolumeClaim": {"claimName": "kept"}}, 65532),
    ],
    ids=["goes with the pod", "is kept"],
)
def test_the_record_of_decisions_has_a_volume_that_the_operator_may_write_to(
    render: Render, claim: str, source: Manifest, group: int | None
) -> None:
    manifests = render("recording.enabled=true", f"recording.existingClaim={claim}")
    settings = parse(container(manifests)["args"])
    [mount] = [mount for mount in container(manifests)["volumeMounts"] if mount["name"] == "records"]
    [volume] = [volume for volume in pod_template(manifests)["spec"]["volumes"] if volume["name"] == "records"]

    assert Path(mount["mountPath"]) == settings.record_dir
    assert volume == {"name": "records", **source}
    assert pod_template(manifests)["spec"]["securityContext"].get("fsGroup") == group


@pytest.mark.parametrize(
    ("value", "group"), [("podSecurityContext.runAsGroup=null", None), ("podSecurityContext.fsGroup=7", 7)]
)
def test_who_may_write_to_the_kept_record_can_be_left_to_the_cluster_or_said(
    render: Render, value: str, group: int | None
) -> None:
    manifests = render("recording.enabled=true", "recording.existingClaim=kept", value)
    assert pod_template(manifests)["spec"]["securityContext"].get("fsGroup") == group


def test_the_crd_is_the_one_of_the_repository_and_outlives_the_release(render: Render, chart: Path) -> None:
    source = yaml.safe_load((chart.parents[1] / "crds" / "modelrollout.io_modelrollouts.yaml").read_text())
    source["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}

    assert of_kind(render(), "CustomResourceDefinition") == [source]
    assert of_kind(render("crds.install=false"), "CustomResourceDefinition") == []


@pytest.mark.parametrize("file", ["default", "everything"])
def test_what_selects_the_operators_pods_selects_them(render: Render, file: str) -> None:
    manifests = render("replicas=2", "podMonitor.enabled=true", file=file)
    template = pod_template(manifests)
    ports = {port["name"]: port["containerPort"] for port in container(manifests)["ports"]}

    selectors = [
        of_kind(manifests, "Service")[0]["spec"]["selector"],
        *(
            of_kind(manifests, kind)[0]["spec"]["selector"]["matchLabels"]
            for kind in ("PodDisruptionBudget", "PodMonitor")
        ),
        deployment(manifests)["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector.items() <= template["metadata"]["labels"].items() for selector in selectors)
    assert ports == {of_kind(manifests, "PodMonitor")[0]["spec"]["podMetricsEndpoints"][0]["port"]: 8080}
    assert of_kind(manifests, "Service")[0]["spec"]["ports"][0]["targetPort"] in ports


def test_the_monitor_of_the_models_scrapes_what_the_operator_runs_as_often_as_it_assumes(render: Render) -> None:
    [_, monitor] = of_kind(render(file="monitors"), "PodMonitor")
    model = Model(bento="churn:v1", image="registry.example/churn:v1")
    spec = ModelRolloutSpec.model_validate(
        {
            "model": model.manifest(),
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "gates": [{"name": "errors", "errorRate": {"maxIncrease": "1%"}}],
        }
    )
    pods = build_deployment(Owner("ml", "churn", "uid"), spec.serving, version_of(model), replicas=1)["spec"][
        "template"
    ]

    [expression] = monitor["spec"]["selector"]["matchExpressions"]
    assert expression["operator"] == "Exists"
    assert expression["key"] in pods["metadata"]["labels"]
    assert monitor["spec"]["namespaceSelector"] == {"any": True}
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in pods["spec"]["containers"][0]["ports"]}
    assert endpoint["interval"] == "2500ms"


def test_a_disruption_budget_guards_standbys_but_never_blocks_a_lone_replica(render: Render) -> None:
    assert of_kind(render(), "PodDisruptionBudget") == []
    [budget] = of_kind(render("replicas=2"), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1


def test_a_value_set_to_null_leaves_the_choice_to_the_cluster(render: Render) -> None:
    context = pod_template(render("podSecurityContext.runAsUser=null"))["spec"]["securityContext"]
    assert "runAsUser" not in context
    assert context["runAsNonRoot"] is True
