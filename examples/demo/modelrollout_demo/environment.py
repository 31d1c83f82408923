"""The cluster that the demo and the end-to-end tests run on, and what they have to know of it."""

from dataclasses import dataclass
from pathlib import Path

from modelrollout_demo.kubectl import Kubectl
from modelrollout_localcluster import Cluster, Progress
from modelrollout_localcluster.python_images import ImageArchive, example_images, operator_image

SCRAPE_INTERVAL_SECONDS = 5


@dataclass(frozen=True)
class Environment:
    """A running cluster with a gateway, Prometheus and the images.

    gateway_url, prometheus_url: where this machine reaches them.
    prometheus_service_url: where pods reach Prometheus.
    gateway: namespace and name of the Gateway.
    registry: what stands before `/digits:v1` and `/modelrollout` in the names of the images.
    operator_tag: of the operator's image. operator_digest: changes whenever the image does; "" if unknown.
    pull_policy: of the operator's image.
    scrape_interval: of Prometheus, in seconds.
    """

    title: str
    kubectl: Kubectl
    gateway_url: str
    gateway: tuple[str, str]
    prometheus_url: str
    prometheus_service_url: str
    registry: str
    operator_tag: str
    operator_digest: str
    pull_policy: str
    scrape_interval: int


def local_environment(name: str, progress: Progress) -> Environment:
    """Bring the local cluster `name` up, building what is missing, and load the images. A running one is used as it is.

    Raises LocalClusterError with what is missing.
    """
    operator, archives = built_images(progress)
    cluster = Cluster(name, progress)
    cluster.up(scrape_interval_seconds=SCRAPE_INTERVAL_SECONDS)
    with progress.stage("load the images of the operator and the models"):
        for archive in archives:
            cluster.load_image(archive)
    # What kubectl remembers of a server must not outlive it: the next one may have the same address.
    kubectl = Kubectl(str(cluster.kubeconfig), cache=cluster.kubeconfig.with_name("kubectl-cache"))
    return own_environment(f"local cluster `{name}`", kubectl, operator, cluster.gateway_url, cluster.prometheus_url)


def built_images(progress: Progress) -> tuple[ImageArchive, list[Path]]:
    """The operator's image, and the archives that hold it and the models', built unless the cache has them."""
    operator, examples = operator_image(progress), example_images(progress)
    return operator, sorted({operator.path, *(image.path for image in examples.values())})


def own_environment(
    title: str, kubectl: Kubectl, operator: ImageArchive, gateway_url: str, prometheus_url: str
) -> Environment:
    """A cluster that has our gateway, our Prometheus and images that we built and loaded."""
    return Environment(
        title=title,
        kubectl=kubectl,
        gateway_url=gateway_url,
        gateway=("gateway-system", "models"),
        prometheus_url=prometheus_url,
        prometheus_service_url="http://prometheus.monitoring:9090",
        registry="localhost",
        operator_tag=operator.name.rpartition(":")[2],
        operator_digest=operator.digest,
        pull_policy="Never",
        scrape_interval=SCRAPE_INTERVAL_SECONDS,
    )
