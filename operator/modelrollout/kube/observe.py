"""What Deployments and their pods say about the versions of a ModelRollout."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from modelrollout.api.pod_rules import MODEL_CONTAINER
from modelrollout.kube.containers import container_problem, last_exit, restarts, text
from modelrollout.ports import Manifest
from modelrollout.rollout.observation import VersionObservation
from modelrollout_contract.objects import VERSION_LABEL

# A container that runs but is not ready is loading its model; only after this long is it worth a word.
_NOT_READY_GRACE = timedelta(seconds=30)


def version_observations(
    deployments: Iterable[Manifest], pods: Iterable[Manifest], now: datetime, *, logs: bool = False
) -> dict[str, VersionObservation]:
    """What is seen of each version that has a Deployment, by version hash.

    deployments, pods: all objects with the labels of one ModelRollout. now: an aware time. logs: whether what
    containers print may be told.
    """
    pods = list(pods)
    observations = (version_observation(deployment, pods, now, logs=logs) for deployment in deployments)
    return {observation.hash: observation for observation in observations}


def version_observation(
    deployment: Manifest, pods: Iterable[Manifest], now: datetime, *, logs: bool = False
) -> VersionObservation:
    """What is seen of one version. Pods of other versions are ignored.

    `ready` counts every pod that can serve, those of an earlier template too: they serve on while a change of
    the template rolls through. `updated` tells whether that is over. logs: whether what containers print may be told.
    """
    version_hash = _label(deployment)
    status = deployment.get("status", {})
    desired = deployment["spec"].get("replicas", 1)
    alive = [pod for pod in pods if _label(pod) == version_hash and "deletionTimestamp" not in pod["metadata"]]
    return VersionObservation(
        hash=version_hash,
        desired=desired,
        ready=sum(_is_ready(pod) for pod in alive),
        updated=status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("replicas", 0) == desired,
        problem=_problem(deployment, alive, now, logs=logs),
        restarts=restarts(alive),
        last_exit=last_exit(alive, logs=logs),
        image_digest=_image_digest(pod for pod in alive if _is_ready(pod)),
    )


def ready_pod_names(pods: Iterable[Manifest], version_hash: str) -> list[str]:
    """Names of the pods of one version that can serve."""
    return [
        pod["metadata"]["name"]
        for pod in pods
        if _label(pod) == version_hash and "deletionTimestamp" not in pod["metadata"] and _is_ready(pod)
    ]


def names_of_pods_ready_since(pods: Iterable[Manifest], moment: datetime) -> frozenset[str]:
    """Names of the pods, of whatever version, that can serve and could at `moment`, as far as they tell."""
    return frozenset(
        pod["metadata"]["name"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"] and _is_ready(pod) and _ready_since(pod) <= moment
    )


def _ready_since(pod: Manifest) -> datetime:
    since = _condition(pod, "Ready").get("lastTransitionTime")
    return datetime.fromisoformat(since) if since else datetime.max.replace(tzinfo=UTC)


def _problem(deployment: Manifest, pods: Sequence[Manifest], now: datetime, *, logs: bool) -> str:
    """The most telling problem: why there is no pod, else why one cannot start, else why one is not ready.

    If all of them are ready: how often they were not, and why not the last time.
    """
    failure = _condition(deployment, "ReplicaFailure")
    if failure.get("status") == "True":
        return text(failure.get("reason"), failure.get("message"))
    waiting = [pod for pod in pods if not _is_ready(pod)]
    problems = [
        *(problem for pod in waiting for problem in _start_problems(pod, logs=logs)),
        *(problem for pod in waiting for problem in _readiness_problems(pod, now)),
    ]
    if problems:
        return problems[0]
    progressing = _condition(deployment, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return text(progressing.get("reason"), progressing.get("message"))
    restarted = restarts(pods)
    return text(f"Restarted {restarted} times", last_exit(pods, logs=logs)) if restarted and not waiting else ""


def _start_problems(pod: Manifest, *, logs: bool) -> Iterator[str]:
    status = pod.get("status", {})
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        yield text(scheduled.get("reason"), scheduled.get("message"))
    if status.get("phase") == "Failed":
        yield text(status.get("reason") or "PodFailed", status.get("message"))
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if not container.get("ready") and (problem := container_problem(container, logs=logs)):
            yield problem


def _readiness_problems(pod: Manifest, now: datetime) -> Iterator[str]:
    for container in pod.get("status", {}).get("containerStatuses", ()):
        running = container.get("state", {}).get("running")
        if running is None or container.get("ready"):
            continue
        # The time of the start, not the time passed: a text that changes by itself is written each time.
        started_at = running["startedAt"]
        if now - datetime.fromisoformat(started_at) >= _NOT_READY_GRACE:
            probe = "readiness" if container.get("started") else "startup"
            yield f"NotReady: container {container['name']} runs since {started_at}, its {probe} probe fails"


def _image_digest(pods: Iterable[Manifest]) -> str:
    """The digest of the image that all of these pods serve the model with; empty if they differ or do not tell."""
    running = {
        str(container.get("imageID", "")).partition("@")[2]
        for pod in pods
        for container in pod.get("status", {}).get("containerStatuses") or ()
        if container.get("name") == MODEL_CONTAINER
    }
    return running.pop() if len(running) == 1 else ""


def _is_ready(pod: Manifest) -> bool:
    return bool(_condition(pod, "Ready").get("status") == "True")


def _condition(manifest: Manifest, kind: str) -> Mapping[str, Any]:
    conditions = manifest.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _label(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("labels", {}).get(VERSION_LABEL, ""))
