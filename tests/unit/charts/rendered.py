"""What the chart of the operator makes of values."""

from collections.abc import Callable
from typing import Any

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]

PROMETHEUS = "http://prometheus.monitoring:9090"
REQUIRED = (f"prometheus.url={PROMETHEUS}", "image.repository=registry.example/modelrollout")


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def deployment(manifests: list[Manifest]) -> Manifest:
    [found] = of_kind(manifests, "Deployment")
    return found


def pod_template(manifests: list[Manifest]) -> Manifest:
    template: Manifest = deployment(manifests)["spec"]["template"]
    return template


def container(manifests: list[Manifest]) -> Manifest:
    containers: list[Manifest] = pod_template(manifests)["spec"]["containers"]
    return containers[0]
