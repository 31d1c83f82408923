"""The cluster of KUBECONFIG, with the gateway, the Prometheus and the registry that it has."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import requests

from modelrollout_localcluster import Progress
from modelrollout_testkit.changes import Object
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.installation import DEMO_NAMESPACE, foreign_namespaces, uninstall
from modelrollout_testkit.kubectl import Kubectl

_NEEDED = {
    "DEMO_REGISTRY": "what the cluster pulls images from: REGISTRY/modelrollout:VERSION and REGISTRY/digits:v1 to v5",
    "DEMO_GATEWAY": "NAMESPACE/NAME of a Gateway that takes HTTPRoutes of the namespace {namespace}",
    "DEMO_PROMETHEUS_URL": "where pods reach a Prometheus that scrapes annotated pods, http://SERVICE.NAMESPACE:PORT",
}
_ANSWER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class CurrentSettings:
    """What the environment says of the cluster. gateway: namespace and name. gateway_url: "" if it is to be found."""

    registry: str
    gateway: tuple[str, str]
    gateway_url: str
    prometheus_url: str
    scrape_interval: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Read environment variables.

        Raises TestkitError with a sentence for each that is missing, or for a wrong one.
        """
        if missing := [name for name in _NEEDED if not environment.get(name)]:
            purposes = (_NEEDED[name].format(namespace=DEMO_NAMESPACE) for name in missing)
            sentences = (f"Set {name} to {purpose}." for name, purpose in zip(missing, purposes, strict=True))
            raise TestkitError("\n".join(("it has to know more of this cluster (docs/demo.md).", *sentences)))
        registry, gateway, prometheus = (environment[name] for name in _NEEDED)
        service_of(prometheus)
        if not re.fullmatch(r"[^/]+/[^/]+", gateway):
            raise TestkitError(f"DEMO_GATEWAY must be NAMESPACE/NAME, not {gateway!r}")
        interval = environment.get("DEMO_SCRAPE_INTERVAL") or "15"
        if not interval.isdigit() or not int(interval):
            raise TestkitError(f"DEMO_SCRAPE_INTERVAL must be a number of seconds, not {interval!r}")
        namespace, _, name = gateway.partition("/")
        return cls(
            registry=registry.rstrip("/"),
            gateway=(namespace, name),
            gateway_url=environment.get("DEMO_GATEWAY_URL", ""),
            prometheus_url=prometheus,
            scrape_interval=int(interval),
        )


class CurrentProvider:
    """The cluster that kubectl talks to by itself."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._kubectl = Kubectl(os.environ.get("KUBECONFIG", ""))
        try:
            context = self._kubectl("config", "current-context").strip()
        except TestkitError as error:
            raise TestkitError("CLUSTER=current needs a kubeconfig with a current context: set KUBECONFIG.") from error
        self.title = f"cluster of the context `{context}`"
        self._begun = False

    @contextmanager
    def up(self, progress: Progress) -> Iterator[Environment]:
        settings = CurrentSettings.of(os.environ)
        with ExitStack() as stack:
            with progress.stage("look at the cluster"):
                self._require_cluster()
                gateway_url = self._require_gateway(settings)
                prometheus_url = stack.enter_context(self._reachable_prometheus(settings.prometheus_url))
            self._begun = True
            yield Environment(
                checkout=self._checkout,
                title=self.title,
                kubectl=self._kubectl,
                gateway_url=gateway_url,
                gateway=settings.gateway,
                prometheus_url=prometheus_url,
                prometheus_service_url=settings.prometheus_url,
                registry=settings.registry,
                operator_tag=self._checkout.operator_version,
                operator_digest="",
                pull_policy="IfNotPresent",
                scrape_interval=settings.scrape_interval,
            )

    def abandon(self) -> None:
        if self._begun:
            self.remove()

    def remove(self) -> None:
        uninstall(self._kubectl)

    def _require_cluster(self) -> None:
        """Raises TestkitError if the cluster does not answer, or has others' namespaces by the names of the demo's."""
        try:
            self._kubectl("get", "--raw=/readyz", f"--request-timeout={_ANSWER_SECONDS}s")
        except TestkitError as error:
            raise TestkitError(f"the {self.title} does not answer: {error}") from error
        if foreign := foreign_namespaces(self._kubectl):
            raise TestkitError(
                f"the {self.title} has {' and '.join(foreign)} already, which the demo did not make and leaves alone."
            )

    def _require_gateway(self, settings: CurrentSettings) -> str:
        """The URL of the Gateway. Raises TestkitError if it is not there or not ready."""
        namespace, name = settings.gateway
        try:
            gateway = self._kubectl.get("gateways.gateway.networking.k8s.io", name, f"--namespace={namespace}")
        except TestkitError as error:
            raise TestkitError(f"DEMO_GATEWAY is {namespace}/{name}, which cannot be read: {error}") from error
        url = address_of(gateway)
        if not (settings.gateway_url or url):
            raise TestkitError(
                f"the Gateway {namespace}/{name} has no address: set DEMO_GATEWAY_URL to where it is reached."
            )
        return settings.gateway_url or url

    @contextmanager
    def _reachable_prometheus(self, url: str) -> Iterator[str]:
        """Where this machine reaches Prometheus while `with` lasts. Raises TestkitError unless it answers a query."""
        with ExitStack() as stack:
            try:
                here = stack.enter_context(self._kubectl.forwarded(*service_of(url)))
                query = requests.get(f"{here}/api/v1/query", {"query": "vector(1)"}, timeout=_ANSWER_SECONDS)
                query.raise_for_status()
            except (TestkitError, requests.RequestException) as error:
                raise TestkitError(f"DEMO_PROMETHEUS_URL is {url}, where no Prometheus answers: {error}") from error
            yield here


def address_of(gateway: Object) -> str:
    """The URL of a Gateway by its first address, "" without any. Raises TestkitError if it is not programmed."""
    where = f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"
    status = gateway.get("status", {})
    programmed = [condition for condition in status.get("conditions", ()) if condition["type"] == "Programmed"]
    if not any(condition["status"] == "True" for condition in programmed):
        why = programmed[0].get("message") if programmed else "no controller has said anything of it"
        raise TestkitError(f"the Gateway {where} is not programmed: {why}")
    addresses = status.get("addresses")
    return f"http://{addresses[0]['value']}" if addresses else ""


def service_of(url: str) -> tuple[str, str, int]:
    """Namespace, name and port of the Service that a URL such as http://prometheus.monitoring:9090 is about."""
    parts = urlsplit(url)
    service, _, rest = (parts.hostname or "").partition(".")
    namespace = rest.partition(".")[0]
    if parts.scheme != "http" or not service or not namespace:
        raise TestkitError(f"DEMO_PROMETHEUS_URL must be http://SERVICE.NAMESPACE:PORT, not {url!r}")
    return namespace, service, parts.port or 80
