"""Installs the operator with its Helm chart, as a platform team would, in a namespace that enforces `restricted`."""

from modelrollout_testkit.changes import Object
from modelrollout_testkit.checkout import CHART
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.kubectl import Kubectl

RELEASE = "modelrollout"
SYSTEM_NAMESPACE = "modelrollout-system"
DEMO_NAMESPACE = "digits"
CHECKPOINT_SECONDS = 10
# On the namespaces that the demo made: others of the same name are not the demo's to change or to remove.
OWNED = {"app.kubernetes.io/managed-by": "modelrollout-demo"}


def restricted_namespace(name: str) -> Object:
    """A namespace whose pods must meet the strictest of the Pod Security Standards."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted", **OWNED}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def helm_command(environment: Environment) -> list[str]:
    """The command that installs or upgrades the operator; to be run in the checkout."""
    settings = {
        "image.repository": f"{environment.registry}/modelrollout",
        "image.tag": environment.operator_tag,
        "image.pullPolicy": environment.pull_policy,
        "prometheus.url": environment.prometheus_service_url,
        "prometheus.scrapeInterval": environment.scrape_interval,
        "checkpointInterval": CHECKPOINT_SECONDS,
        "resources.requests.cpu": "50m",
        "recording.enabled": "true",
        "watchAllNamespaces": "true",
    }
    if environment.operator_digest:
        # The tag stays the same when the image is built anew: this restarts the pod.
        settings["podAnnotations.image-digest"] = environment.operator_digest
    sets = [f"--set={key}={value}" for key, value in settings.items()]
    return ["helm", "upgrade", "--install", RELEASE, str(CHART), f"--namespace={SYSTEM_NAMESPACE}", "--wait", *sets]


def install(environment: Environment) -> None:
    """Install the operator and wait until it is ready."""
    environment.kubectl.apply(restricted_namespace(SYSTEM_NAMESPACE))
    environment.kubectl.run(*helm_command(environment), folder=environment.checkout.root)


def uninstall(kubectl: Kubectl) -> None:
    """Remove the demo's model and the operator, but not the CRD, which would take others' ModelRollouts along.

    Leaves alone what is in namespaces that the demo did not make.
    """
    found = _found_namespaces(kubectl)
    if found.get(DEMO_NAMESPACE):
        kubectl("delete", "namespace", DEMO_NAMESPACE)
    if found.get(SYSTEM_NAMESPACE):
        kubectl.run("helm", "uninstall", RELEASE, f"--namespace={SYSTEM_NAMESPACE}", "--ignore-not-found", "--wait")
        kubectl("delete", "namespace", SYSTEM_NAMESPACE)


def foreign_namespaces(kubectl: Kubectl) -> list[str]:
    """The namespaces that the demo wants to make, but that are there already and are somebody else's."""
    return [name for name, owned in _found_namespaces(kubectl).items() if not owned]


def _found_namespaces(kubectl: Kubectl) -> dict[str, bool]:
    """Which of the demo's two namespaces there are, and whether the demo made them."""
    manifests = (namespace["metadata"] for namespace in kubectl.get("namespaces")["items"])
    return {
        metadata["name"]: OWNED.items() <= metadata.get("labels", {}).items()
        for metadata in manifests
        if metadata["name"] in (SYSTEM_NAMESPACE, DEMO_NAMESPACE)
    }
