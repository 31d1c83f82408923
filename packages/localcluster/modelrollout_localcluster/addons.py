"""CoreDNS, Contour under Envoy and Prometheus, run as pods the way a user's cluster runs them."""

import os
from collections.abc import Mapping
from pathlib import Path
from string import Template

from . import kubectl
from .builds import ADDONS
from .images import ADDON_IMAGES, UNPRIVILEGED_USER
from .node import Node
from .node_config import CLUSTER_DOMAIN
from .node_init import RUN
from .paths import MANIFESTS

ENVOY_OFFSET = 20
PROMETHEUS_OFFSET = 30
SCRAPE_INTERVAL_SECONDS = 5
_NAMESPACES = ("gateway-system", "monitoring", "projectcontour")
_TIMEOUT = "--timeout=300s"


def install(kubeconfig: Path, node: Node, scrape_interval_seconds: int) -> None:
    """Apply the addons and wait until each is ready and the Gateway is programmed."""
    data = node.directory / "prometheus"
    data.mkdir(exist_ok=True)
    os.chown(data, UNPRIVILEGED_USER, UNPRIVILEGED_USER)
    _apply_template(kubeconfig, "dns.yaml", {"domain": CLUSTER_DOMAIN, "dns_address": node.dns_address})
    install_gateway_and_prometheus(
        kubeconfig,
        envoy_address=node.network.service_address(ENVOY_OFFSET),
        prometheus_address=node.network.service_address(PROMETHEUS_OFFSET),
        prometheus_data=RUN / data.name,
        scrape_interval_seconds=scrape_interval_seconds,
    )
    _await_deployment(kubeconfig, "kube-system", "coredns")


def install_gateway_and_prometheus(
    kubeconfig: Path,
    *,
    envoy_address: str,
    prometheus_address: str,
    prometheus_data: Path,
    scrape_interval_seconds: int,
) -> None:
    """Apply all but CoreDNS to any cluster of one node that has the images, and wait until it works.

    The addresses are cluster IPs. prometheus_data: folder of the node that UNPRIVILEGED_USER may write to.
    """
    values = {
        "envoy_address": envoy_address,
        "prometheus_address": prometheus_address,
        "prometheus_data": prometheus_data,
        "prometheus_user": UNPRIVILEGED_USER,
        "scrape_interval": f"{scrape_interval_seconds}s",
        "scrape_timeout": f"{max(1, scrape_interval_seconds - 1)}s",
    }
    namespaces = (f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n" for name in _NAMESPACES)
    _apply(kubeconfig, "-", "---\n".join(namespaces))
    _apply(kubeconfig, str(ADDONS.manifests))
    kubectl.run(kubeconfig, "wait", "--for=condition=Established", "customresourcedefinition", "--all", _TIMEOUT)
    for manifest in ("contour.yaml", "prometheus.yaml"):
        _apply_template(kubeconfig, manifest, values)
    for namespace, name in (("monitoring", "prometheus"), ("projectcontour", "contour"), ("projectcontour", "envoy")):
        _await_deployment(kubeconfig, namespace, name)
    gateway = ("--namespace=gateway-system", "gateway/models", _TIMEOUT)
    kubectl.run(kubeconfig, "wait", "--for=condition=Programmed", *gateway)


def _await_deployment(kubeconfig: Path, namespace: str, name: str) -> None:
    kubectl.run(kubeconfig, "rollout", "status", f"--namespace={namespace}", f"deployment/{name}", _TIMEOUT)


def _apply_template(kubeconfig: Path, manifest: str, values: Mapping[str, object]) -> None:
    images = {f"{image.name}_image": image.reference for image in ADDON_IMAGES}
    _apply(kubeconfig, "-", Template((MANIFESTS / manifest).read_text()).substitute(values, **images))


def _apply(kubeconfig: Path, source: str, stdin: str | None = None) -> None:
    kubectl.run(kubeconfig, "apply", "--server-side", f"--filename={source}", stdin=stdin)
