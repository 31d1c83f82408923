"""A cluster of kind, on a machine with Docker. It gets the gateway, Prometheus and images of the local cluster."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from modelrollout_localcluster import Progress
from modelrollout_localcluster.addons import install_gateway_and_prometheus
from modelrollout_localcluster.builds import CONTOUR, COREDNS, PROMETHEUS, VEGETA, build
from modelrollout_localcluster.images import ADDON_IMAGES, UNPRIVILEGED_USER, build_all
from modelrollout_localcluster.paths import cache_directory
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.environment import SCRAPE_INTERVAL_SECONDS, Environment, built_images, own_environment
from modelrollout_testkit.errors import TestkitError
from modelrollout_testkit.kubectl import Kubectl

NAME = "modelrollout-demo"
# In kind's default range of services, and in its part that is never given away by itself.
_ENVOY_ADDRESS = "10.96.0.20"
_PROMETHEUS_ADDRESS = "10.96.0.30"
_PROMETHEUS_DATA = Path("/var/prometheus")


class KindProvider:
    """kind's cluster `modelrollout-demo`."""

    title = f"kind cluster `{NAME}`"

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        if missing := [program for program in ("kind", "docker") if not shutil.which(program)]:
            raise TestkitError(f"CLUSTER=kind needs {' and '.join(missing)} in PATH: install it, or use CLUSTER=local.")
        _run("docker", "info")
        self._kubeconfig = cache_directory() / "kind" / f"{NAME}.kubeconfig"
        self._was_there = True

    @contextmanager
    def up(self, progress: Progress) -> Iterator[Environment]:
        operator, archives = built_images(self._checkout, progress)
        build((CONTOUR, COREDNS, PROMETHEUS, VEGETA), progress)
        build_all(progress)
        self._was_there = NAME in _run("kind", "get", "clusters").split()
        self._kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        with progress.stage("create the kind cluster"):
            if self._was_there:
                _run("kind", "export", "kubeconfig", f"--name={NAME}", f"--kubeconfig={self._kubeconfig}")
            else:
                _run("kind", "create", "cluster", f"--name={NAME}", f"--kubeconfig={self._kubeconfig}", "--wait=120s")
        with progress.stage("load images"):
            for archive in (*archives, *(image.archive for image in ADDON_IMAGES)):
                _run("kind", "load", "image-archive", str(archive), f"--name={NAME}")
        with progress.stage("start Contour, Envoy and Prometheus"):
            make_folder = ["install", "--directory", f"--owner={UNPRIVILEGED_USER}", str(_PROMETHEUS_DATA)]
            _run("docker", "exec", f"{NAME}-control-plane", *make_folder)
            install_gateway_and_prometheus(
                self._kubeconfig,
                envoy_address=_ENVOY_ADDRESS,
                prometheus_address=_PROMETHEUS_ADDRESS,
                prometheus_data=_PROMETHEUS_DATA,
                scrape_interval_seconds=SCRAPE_INTERVAL_SECONDS,
            )
        kubectl = Kubectl(str(self._kubeconfig))
        with ExitStack() as stack:
            gateway_url = stack.enter_context(kubectl.forwarded("projectcontour", "envoy", 80))
            prometheus_url = stack.enter_context(kubectl.forwarded("monitoring", "prometheus", 9090))
            yield own_environment(
                self._checkout,
                self.title,
                kubectl,
                operator,
                gateway_url=gateway_url,
                prometheus_url=prometheus_url,
            )

    def abandon(self) -> None:
        if not self._was_there:
            self.remove()

    def remove(self) -> None:
        _run("kind", "delete", "cluster", f"--name={NAME}", f"--kubeconfig={self._kubeconfig}")


def _run(*command: str) -> str:
    """What a program prints. Raises TestkitError with its complaint when it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise TestkitError(f"{' '.join(command)} failed:\n{result.stderr.strip()}")
    return result.stdout
