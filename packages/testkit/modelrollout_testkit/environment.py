"""The cluster that a demo or end-to-end tests run on, and what they have to know of it."""

from dataclasses import dataclass
from pathlib import Path

from modelrollout_localcluster import Cluster, Progress
from modelrollout_localcluster.image_builder import ImageArchive
from modelrollout_testkit.checkout import Checkout
from modelrollout_testkit.images import example_images, images_built_beside, operator_image
from modelrollout_testkit.kubectl import Kubectl

SCRAPE_INTERVAL_SECONDS = 5


@dataclass(frozen=True)
class Environment:
    """A running cluster with a gateway, Prometheus and the images.

    checkout: what is run is built from it.
    gateway_url, prometheus_url: where this machine reaches them.
    prometheus_service_url: where pods reach Prometheus.
    gateway: namespace and name of the Gateway.
    registry: what stands before `/digits:v1` and `/modelrollout` in the names of the images.
    operator_tag: of the operator's image. operator_digest: changes whenever the image does; "" if unknown.
    pull_policy: of the operator's image.
    scrape_interval: of Prometheus, in seconds.
    """

    checkout: Checkout
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


def local_environment(
    checkout: Checkout, name: str, progress: Progress, scrape_interval: int = SCRAPE_INTERVAL_SECONDS
) -> Environment:
    """Bring the local cluster `name` up, building what is missing, and load the images. A running one is used as it is.

    Raises LocalClusterError with what is missing.
    """
    cluster = Cluster(name, progress)
    with images_built_beside(checkout, progress):
        cluster.up(scrape_interval_seconds=scrape_interval)
    operator, archives = built_images(checkout, progress)
    with progress.stage("load the images of the operator and the models"):
        for archive in archives:
            cluster.load_image(archive)
    # What kubectl remembers of a server must not outlive it: the next one may have the same address.
    kubectl = Kubectl(str(cluster.kubeconfig), cache=cluster.kubeconfig.with_name("kubectl-cache"))
    return own_environment(
        checkout,
        f"local cluster `{name}`",
        kubectl,
        operator,
        gateway_url=cluster.gateway_url,
        prometheus_url=cluster.prometheus_url,
        scrape_interval=scrape_interval,
    )


def built_images(checkout: Checkout, progress: Progress) -> tuple[ImageArchive, list[Path]]:
    """The operator's image, and the archives that hold it and the models', built unless the cache has them."""
    operator, examples = operator_image(checkout, progress), example_images(checkout, progress)
    return operator, sorted({operator.path, *(image.path for image in examples.values())})


def own_environment(
    checkout: Checkout,
    title: str,
    kubectl: Kubectl,
    operator: ImageArchive,
    *,
    gateway_url: str,
    prometheus_url: str,
    scrape_interval: int = SCRAPE_INTERVAL_SECONDS,
) -> Environment:
    """A cluster that has our gateway, our Prometheus and images that we built and loaded."""
    return Environment(
        checkout=checkout,
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
        scrape_interval=scrape_interval,
    )
