"""CoreDNS, Contour under Envoy and Prometheus, run as pods the way a user's cluster runs them."""

import os
from pathlib import Path
from string import Template

from . import kubectl
from .builds import CONTOUR
from .images import ADDON_IMAGES, UNPRIVILEGED_USER
from .node import Node
from .node_config import CLUSTER_DOMAIN
from .node_init import RUN
from .paths import MANIFESTS

ENVOY_OFFSET = 20
PROMETHEUS_OFFSET = 30
SCRAPE_INTERVAL_SECONDS = 5
_NAMESPACES = ("gateway-system", "monitoring", "projectcontour")
_DEPLOYMENTS = (
    ("kube-system", "coredns"),
    ("monitoring", "prometheus"),
    ("projectcontour", "contour"),
    ("projectcontour", "envoy"),
)
_TIMEOUT = "--timeout=300s"


def install(kubeconfig: Path, node: Node, scrape_interval_seconds: int) -> None:
    """Apply the addons and wait until each is ready and the Gateway is programmed."""
    data = node.directory / "prometheus"
    data.mkdir(exist_ok=True)
    os.chown(data, UNPRIVILEGED_USER, UNPRIVILEGED_USER)
    values = {
        "domain": CLUSTER_DOMAIN,
        "dns_address": node.dns_address,
        "envoy_address": node.network.service_address(ENVOY_OFFSET),
        "prometheus_address": node.network.service_address(PROMETHEUS_OFFSET),
        "prometheus_data": RUN / data.name,
        "prometheus_user": UNPRIVILEGED_USER,
        "scrape_interval": f"{scrape_interval_seconds}s",
        "scrape_timeout": f"{max(1, scrape_interval_seconds // 2)}s",
        **{f"{image.name}_image": image.reference for image in ADDON_IMAGES},
    }
    namespaces = (f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n" for name in _NAMESPACES)
    _apply(kubeconfig, "-", "---\n".join(namespaces))
    _apply(kubeconfig, str(CONTOUR.manifests))
    kubectl.run(kubeconfig, "wait", "--for=condition=Established", "customresourcedefinition", "--all", _TIMEOUT)
    for manifest in ("dns.yaml", "contour.yaml", "prometheus.yaml"):
        _apply(kubeconfig, "-", Template((MANIFESTS / manifest).read_text()).substitute(values))
    for namespace, name in _DEPLOYMENTS:
        kubectl.run(kubeconfig, "rollout", "status", f"--namespace={namespace}", f"deployment/{name}", _TIMEOUT)
    gateway = ("--namespace=gateway-system", "gateway/models", _TIMEOUT)
    kubectl.run(kubeconfig, "wait", "--for=condition=Programmed", *gateway)


def _apply(kubeconfig: Path, source: str, stdin: str | None = None) -> None:
    kubectl.run(kubeconfig, "apply", "--server-side", f"--filename={source}", stdin=stdin)
