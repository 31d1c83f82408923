"""The cluster of KUBECONFIG, with the gateway, the Prometheus and the registry that it has."""

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from modelrollout_demo.environment import Environment
from modelrollout_demo.errors import DemoError
from modelrollout_demo.installation import DEMO_NAMESPACE, REPOSITORY, uninstall
from modelrollout_demo.kubectl import Kubectl
from modelrollout_localcluster import Progress

_NEEDED = """The demo needs to know more of this cluster; set in the environment:
  DEMO_REGISTRY        from where it pulls REGISTRY/modelrollout:{version} and REGISTRY/digits:v1 to v5
  DEMO_GATEWAY         NAMESPACE/NAME of a Gateway that takes HTTPRoutes of the namespace {namespace}
  DEMO_PROMETHEUS_URL  where pods reach a Prometheus that scrapes annotated pods, http://SERVICE.NAMESPACE:PORT
and, unless they are as assumed,
  DEMO_SCRAPE_INTERVAL seconds between two scrapes (15)
  DEMO_GATEWAY_URL     where this machine reaches the Gateway (its first address)
docs/demo.md says how to get the images there. Missing: {missing}"""


@dataclass(frozen=True, slots=True)
class CurrentSettings:
    """What the environment says of the cluster. gateway: namespace and name. gateway_url: "" if it is to be found."""

    registry: str
    gateway: tuple[str, str]
    gateway_url: str
    prometheus_url: str
    scrape_interval: int

    @classmethod
    def of_environment(cls) -> Self:
        """Raises DemoError with all that has to be set if something is missing or wrong."""
        names = ("DEMO_REGISTRY", "DEMO_GATEWAY", "DEMO_PROMETHEUS_URL")
        if missing := [name for name in names if not os.environ.get(name)]:
            raise DemoError(
                _NEEDED.format(version=operator_version(), namespace=DEMO_NAMESPACE, missing=", ".join(missing))
            )
        registry, gateway, prometheus = (os.environ[name] for name in names)
        if not re.fullmatch(r"[^/]+/[^/]+", gateway):
            raise DemoError(f"DEMO_GATEWAY must be NAMESPACE/NAME, not {gateway!r}")
        interval = os.environ.get("DEMO_SCRAPE_INTERVAL") or "15"
        if not interval.isdigit() or not int(interval):
            raise DemoError(f"DEMO_SCRAPE_INTERVAL must be a number of seconds, not {interval!r}")
        namespace, _, name = gateway.partition("/")
        return cls(
            registry=registry.rstrip("/"),
            gateway=(namespace, name),
            gateway_url=os.environ.get("DEMO_GATEWAY_URL", ""),
            prometheus_url=prometheus,
            scrape_interval=int(interval),
        )


class CurrentProvider:
    """The cluster that kubectl talks to by itself."""

    def __init__(self) -> None:
        self._kubectl = Kubectl(os.environ.get("KUBECONFIG", ""))
        try:
            context = self._kubectl("config", "current-context").strip()
        except DemoError as error:
            raise DemoError("CLUSTER=current needs a kubeconfig with a current context: set KUBECONFIG.") from error
        self.title = f"cluster of the context `{context}`"

    @contextmanager
    def up(self, progress: Progress) -> Iterator[Environment]:
        settings = CurrentSettings.of_environment()
        with ExitStack() as stack:
            with progress.stage("look at the cluster"):
                gateway_url = settings.gateway_url or self._gateway_url(*settings.gateway)
                namespace, service, port = service_of(settings.prometheus_url)
                prometheus_url = stack.enter_context(self._kubectl.forwarded(namespace, service, port))
            yield Environment(
                title=self.title,
                kubectl=self._kubectl,
                gateway_url=gateway_url,
                gateway=settings.gateway,
                prometheus_url=prometheus_url,
                prometheus_service_url=settings.prometheus_url,
                registry=settings.registry,
                operator_tag=operator_version(),
                operator_digest="",
                pull_policy="IfNotPresent",
                scrape_interval=settings.scrape_interval,
            )

    def abandon(self) -> None:
        self.remove()

    def remove(self) -> None:
        uninstall(self._kubectl)

    def _gateway_url(self, namespace: str, name: str) -> str:
        addresses = self._kubectl.get("gateway", name, f"--namespace={namespace}").get("status", {}).get("addresses")
        if not addresses:
            raise DemoError(f"Gateway {namespace}/{name} has no address; set DEMO_GATEWAY_URL")
        return f"http://{addresses[0]['value']}"


def operator_version() -> str:
    """The version of the operator in this repository, which is the tag of its image."""
    version: str = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    return version


def service_of(url: str) -> tuple[str, str, int]:
    """Namespace, name and port of the Service that a URL such as http://prometheus.monitoring:9090 is about."""
    parts = urlsplit(url)
    service, _, rest = (parts.hostname or "").partition(".")
    namespace = rest.partition(".")[0]
    if parts.scheme != "http" or not service or not namespace:
        raise DemoError(f"DEMO_PROMETHEUS_URL must be http://SERVICE.NAMESPACE:PORT, not {url!r}")
    return namespace, service, parts.port or 80
