from typing import Any

import pytest

from modelrollout.api.identity import version_of
from modelrollout.api.model import Model
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.kube.manifests import SERVICE_PORT, build_deployment, build_service
from modelrollout.kube.ownership import Owner
from modelrollout.ports import Invalid, Manifest

OWNER = Owner("ml", "churn", "owner-uid")
VERSION = version_of(Model(bento="churn:v1", image="registry.example/churn@sha256:1"))
NAME = f"churn-{VERSION.hash}"
SELECTOR = {"modelrollout.io/rollout": "churn", "modelrollout.io/version": VERSION.hash}


def spec(**serving: Any) -> ModelRolloutSpec:
    return ModelRolloutSpec.model_validate(
        {
            "model": {"bento": VERSION.bento, "image": VERSION.image},
            "serving": serving,
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "gates": [{"name": "errors", "errorRate": {"maxIncrease": "1%"}}],
        }
    )


def deployment(**serving: Any) -> Manifest:
    return build_deployment(OWNER, spec(**serving).serving, VERSION, replicas=2)


def pod_spec(**serving: Any) -> Manifest:
    template: Manifest = deployment(**serving)["spec"]["template"]["spec"]
    return template


def model_container(**serving: Any) -> Manifest:
    [container] = [item for item in pod_spec(**serving)["containers"] if item["name"] == "model"]
    return container


@pytest.mark.parametrize("manifest", [deployment(), build_service(OWNER, VERSION)], ids=["Deployment", "Service"])
def test_what_is_made_can_be_found_and_traced_to_its_rollout(manifest: Manifest) -> None:
    metadata = manifest["metadata"]

    assert (metadata["namespace"], metadata["name"]) == ("ml", NAME)
    assert OWNER.selector.items() <= metadata["labels"].items()
    assert SELECTOR.items() <= metadata["labels"].items()
    assert metadata["labels"]["app.kubernetes.io/name"] == "churn"
    assert metadata["annotations"] == {"modelrollout.io/bento": "churn:v1"}
    assert OWNER.owns(manifest)


def test_the_service_sends_to_the_pods_of_its_version_only() -> None:
    service = build_service(OWNER, VERSION)

    assert service["spec"]["selector"] == SELECTOR
    assert service["spec"]["ports"] == [{"name": "http", "port": SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}]


def test_the_deployment_runs_as_many_pods_of_the_image_as_asked_for() -> None:
    made = deployment()["spec"]

    assert made["replicas"] == 2
    assert made["selector"]["matchLabels"] == SELECTOR
    assert SELECTOR.items() <= made["template"]["metadata"]["labels"].items()
    assert model_container()["image"] == "registry.example/churn@sha256:1"


def test_no_pod_goes_before_another_has_taken_its_place() -> None:
    made = deployment()["spec"]

    assert made["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": "25%"}
    assert made["template"]["spec"]["terminationGracePeriodSeconds"] == 60
    assert model_container()["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}


@pytest.mark.parametrize(
    ("progress_deadline", "seconds", "patience"), [("10m", 600, 602), ("1500ms", 3, 4), ("1s", 3, 4)]
)
def test_a_slow_start_is_not_cut_short_by_probes(progress_deadline: str, seconds: int, patience: int) -> None:
    startup = model_container(progressDeadline=progress_deadline)["startupProbe"]

    assert deployment(progressDeadline=progress_deadline)["spec"]["progressDeadlineSeconds"] == seconds
    assert startup["periodSeconds"] * startup["failureThreshold"] == patience


def test_probes_ask_bentoml_on_the_port_it_serves() -> None:
    container = model_container(port=8080)

    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probes == {
        "startupProbe": {"path": "/readyz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
        "livenessProbe": {"path": "/livez", "port": "http"},
    }
    assert container["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    assert {"name": "BENTOML_PORT", "value": "8080"} in container["env"]


def test_prometheus_is_told_where_to_scrape() -> None:
    annotations = deployment(port=8080)["spec"]["template"]["metadata"]["annotations"]

    assert annotations == {
        "modelrollout.io/bento": "churn:v1",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
        "prometheus.io/path": "/metrics",
    }


def test_resources_and_variables_come_from_the_spec() -> None:
    container = model_container(
        resources={"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}},
        env=[
            {"name": "HOME", "value": "/home/me"},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
    )

    assert container["resources"] == {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}
    variables = {variable["name"]: variable for variable in container["env"]}
    assert variables["HOME"] == {"name": "HOME", "value": "/home/me"}
    assert variables["KEY"]["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "k"}}
    assert variables["BENTOML_HOME"] == {"name": "BENTOML_HOME", "value": "/tmp/bentoml"}


def test_a_platform_team_can_set_anything_else_about_the_pods() -> None:
    template = deployment(
        podTemplate={
            "metadata": {"labels": {"team": "growth"}, "annotations": {"prometheus.io/scrape": "false"}},
            "spec": {
                "nodeSelector": {"gpu": "a100"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
                "securityContext": {"runAsUser": 2000},
                "volumes": [{"name": "weights", "persistentVolumeClaim": {"claimName": "weights"}}],
                "containers": [
                    {
                        "name": "model",
                        "resources": {"limits": {"nvidia.com/gpu": 1}},
                        "volumeMounts": [{"name": "weights", "mountPath": "/weights"}],
                        "readinessProbe": {"periodSeconds": 1},
                        "livenessProbe": None,
                    },
                    {"name": "proxy", "image": "proxy:1"},
                ],
            },
        }
    )["spec"]["template"]

    made = template["spec"]
    model, proxy = made["containers"]
    assert template["metadata"]["labels"]["team"] == "growth"
    assert template["metadata"]["annotations"]["prometheus.io/scrape"] == "false"
    assert made["nodeSelector"] == {"gpu": "a100"}
    assert made["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert made["securityContext"]["runAsUser"] == 2000
    assert made["securityContext"]["runAsNonRoot"] is True
    assert [volume["name"] for volume in made["volumes"]] == ["tmp", "weights"]
    assert model["resources"]["limits"] == {"nvidia.com/gpu": 1}
    assert [mount["mountPath"] for mount in model["volumeMounts"]] == ["/tmp", "/weights"]
    assert model["readinessProbe"]["periodSeconds"] == 1
    assert model["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert "livenessProbe" not in model
    assert proxy == {"name": "proxy", "image": "proxy:1"}


def test_what_makes_a_pod_one_of_its_version_cannot_be_overridden() -> None:
    template = deployment(
        podTemplate={
            "metadata": {"labels": {"modelrollout.io/version": "other", "app.kubernetes.io/name": "other"}},
            "spec": {"containers": [{"name": "model", "image": "other"}]},
        }
    )["spec"]["template"]

    assert SELECTOR.items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["labels"]["app.kubernetes.io/name"] == "churn"
    assert template["spec"]["containers"][0]["image"] == "registry.example/churn@sha256:1"


@pytest.mark.parametrize("containers", ["proxy", None, ["proxy"], {"name": "proxy"}])
def test_containers_that_are_no_list_of_containers_are_refused_by_field(containers: Any) -> None:
    with pytest.raises(Invalid, match=r"spec\.serving\.podTemplate\.spec\.containers: must be a list"):
        deployment(podTemplate={"spec": {"containers": containers}})
