"""What docs/capacity.md shows about machines, as the pods that come of it."""

from pathlib import Path
from typing import Any

import yaml
from tests.unit.test_documentation import blocks

from modelrollout.api.identity import version_of
from modelrollout.api.parsing import parse_rollout
from modelrollout.api.rollout import ModelRollout
from modelrollout.kube.manifests import build_deployment
from modelrollout.kube.ownership import Owner

PAGE = Path(__file__).parents[3] / "docs" / "capacity.md"


def shown(kind: str) -> Any:
    [found] = [thing for block in blocks(PAGE, "yaml") if (thing := yaml.safe_load(block))["kind"] == kind]
    return found


def template() -> Any:
    rollout = parse_rollout(shown("ModelRollout"), strict=True)
    assert isinstance(rollout, ModelRollout)
    owner, version = Owner("ml", "churn", "uid"), version_of(rollout.spec.model, rollout.spec.serving)
    return build_deployment(owner, rollout.spec.serving, version, 3)["spec"]["template"]


def test_a_model_gets_its_accelerator_its_nodes_and_its_priority() -> None:
    pod = template()["spec"]

    assert pod["containers"][0]["resources"] == {"limits": {"nvidia.com/gpu": "1"}}
    assert pod["nodeSelector"] == {"accelerator": "a100"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["priorityClassName"] == "models"


def test_pods_are_spread_and_protected_by_labels_that_they_have() -> None:
    labels = template()["metadata"]["labels"]
    [spread] = template()["spec"]["topologySpreadConstraints"]

    assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
    assert set(spread["matchLabelKeys"]) <= labels.keys()
    assert shown("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_autoscaler_is_pointed_at_the_rollout() -> None:
    target = shown("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    rollout = shown("ModelRollout")

    assert (target["apiVersion"], target["kind"]) == (rollout["apiVersion"], rollout["kind"])
    assert target["name"] == rollout["metadata"]["name"]
