"""Deployments become pods, pods become ready, crash, and are evicted."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.api_server import SimulatedApiServer

from modelrollout.ports import DEPLOYMENT, POD, Manifest
from modelrollout_contract.objects import BENTO_ANNOTATION, VERSION_LABEL

START_SECONDS = 10


@dataclass
class Nodes:
    """Deployment controller, scheduler and kubelet in one.

    down: Bentos none of whose pods is ready, as after an eviction or in a crash loop. restarts: by Bento.
    """

    server: SimulatedApiServer
    down: set[str] = field(default_factory=set)
    restarts: dict[str, int] = field(default_factory=dict)
    born: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    made: int = 0

    def tick(self, now: datetime) -> None:
        """Bring pods in line with the Deployments and say in both what is so."""
        deployments = self.server.of_kind(DEPLOYMENT)
        for name in self.born.keys() - deployments.keys():
            del self.born[name]
        for key in [key for key in self.server.objects if key[0] == POD]:
            del self.server.objects[key]
        for name, deployment in deployments.items():
            self._scale(name, deployment["spec"]["replicas"], now)
            pods = [self._pod(deployment, pod, since, now) for pod, since in self.born[name]]
            for pod in pods:
                self.server.objects[POD, pod["metadata"]["namespace"], pod["metadata"]["name"]] = pod
            deployment["status"] = {
                "observedGeneration": deployment["metadata"]["generation"],
                "replicas": len(pods),
                "updatedReplicas": len(pods),
                "readyReplicas": sum(pod["status"]["containerStatuses"][0]["ready"] for pod in pods),
            }

    def ready(self, version_hash: str) -> int:
        """Ready pods of a version, as the API server shows them."""
        return sum(
            pod["metadata"]["labels"][VERSION_LABEL] == version_hash and pod["status"]["containerStatuses"][0]["ready"]
            for pod in self.server.of_kind(POD).values()
        )

    def _scale(self, name: str, replicas: int, now: datetime) -> None:
        pods = self.born.setdefault(name, [])
        while len(pods) < replicas:
            self.made += 1
            pods.append((f"{name}-abc-{self.made:05d}", now))
        del pods[replicas:]

    def _pod(self, deployment: Manifest, name: str, since: datetime, now: datetime) -> Manifest:
        bento = bento_of(deployment)
        ready = bento not in self.down and now - since >= timedelta(seconds=START_SECONDS)
        container = {"name": "model", "ready": ready, "restartCount": self.restarts.get(bento, 0)}
        if self.restarts.get(bento):
            container["lastState"] = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
        container["state"] = {"running": {"startedAt": f"{since:%Y-%m-%dT%H:%M:%SZ}"}}
        return {
            "apiVersion": POD.api_version,
            "kind": POD.kind,
            "metadata": {
                "name": name,
                "namespace": deployment["metadata"]["namespace"],
                "uid": name,
                "labels": deployment["spec"]["template"]["metadata"]["labels"],
            },
            "status": {
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                "containerStatuses": [container],
            },
        }


def bento_of(deployment: Manifest) -> str:
    """The Bento that a Deployment runs."""
    found = deployment["spec"]["template"]["metadata"].get("annotations", {}).get(BENTO_ANNOTATION)
    return str(found or deployment["metadata"]["annotations"][BENTO_ANNOTATION])
