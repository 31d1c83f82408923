"""What Deployments and their pods say about the versions of a ModelRollout."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from modelrollout.api.text import plain
from modelrollout.ports import Manifest
from modelrollout.rollout.observation import VersionObservation
from modelrollout_contract.objects import VERSION_LABEL

# A container that runs but is not ready is loading its model; only after this long is it worth a word.
_NOT_READY_GRACE = timedelta(seconds=30)

_MAX_PROBLEM = 500  # characters

# Reasons for which a container waits that are part of a normal start.
_STARTING = frozenset({"ContainerCreating", "PodInitializing", ""})

_CRASH_LOOP = "CrashLoopBackOff"
_PULL_FAILED = "ErrImagePull"
_PULL_WAITS = "ImagePullBackOff"


def version_observations(
    deployments: Iterable[Manifest], pods: Iterable[Manifest], now: datetime
) -> dict[str, VersionObservation]:
    """What is seen of each version that has a Deployment, by version hash.

    deployments, pods: all objects with the labels of one ModelRollout. now: an aware time.
    """
    pods = list(pods)
    observations = (version_observation(deployment, pods, now) for deployment in deployments)
    return {observation.hash: observation for observation in observations}


def version_observation(deployment: Manifest, pods: Iterable[Manifest], now: datetime) -> VersionObservation:
    """What is seen of one version. Pods of other versions are ignored.

    `ready` counts every pod that can serve, those of an earlier template too: they serve on while a change of
    the template rolls through. `updated` tells whether that is over.
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
        problem=_problem(deployment, alive, now),
    )


def ready_pod_names(pods: Iterable[Manifest], version_hash: str) -> list[str]:
    """Names of the pods of one version that can serve."""
    return [
        pod["metadata"]["name"]
        for pod in pods
        if _label(pod) == version_hash and "deletionTimestamp" not in pod["metadata"] and _is_ready(pod)
    ]


def _problem(deployment: Manifest, pods: Iterable[Manifest], now: datetime) -> str:
    """The most telling problem: why there is no pod, else why one cannot start, else why one is not ready."""
    failure = _condition(deployment, "ReplicaFailure")
    if failure.get("status") == "True":
        return _text(failure.get("reason"), failure.get("message"))
    waiting = [pod for pod in pods if not _is_ready(pod)]
    problems = [
        *(problem for pod in waiting for problem in _start_problems(pod)),
        *(problem for pod in waiting for problem in _readiness_problems(pod, now)),
    ]
    if problems:
        return problems[0]
    progressing = _condition(deployment, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return _text(progressing.get("reason"), progressing.get("message"))
    return ""


def _start_problems(pod: Manifest) -> Iterator[str]:
    status = pod.get("status", {})
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        yield _text(scheduled.get("reason"), scheduled.get("message"))
    if status.get("phase") == "Failed":
        yield _text(status.get("reason") or "PodFailed", status.get("message"))
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        if not container.get("ready") and (problem := _container_problem(container)):
            yield problem


def _container_problem(container: Mapping[str, Any]) -> str:
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    reason = waiting.get("reason", "")
    # A crash is told the same way whether the container is just down, waits for its next start or runs again.
    crash = state.get("terminated") or container.get("lastState", {}).get("terminated") or {}
    if crash.get("exitCode", 0) != 0 and reason in _STARTING | {_CRASH_LOOP}:
        kind = _CRASH_LOOP if container.get("restartCount", 0) else "ContainerExited"
        return _text(kind, _exit(container, crash))
    if reason in (_PULL_FAILED, _PULL_WAITS):
        # The two take turns, the second with the first's message in its own.
        return _text(_PULL_WAITS, waiting.get("message", "").rpartition(f": {_PULL_FAILED}: ")[2])
    return "" if reason in _STARTING else _text(reason, waiting.get("message"))


def _exit(container: Mapping[str, Any], terminated: Mapping[str, Any]) -> str:
    cause = terminated.get("reason", "Error")
    exited = f"container {container['name']} exited with code {terminated['exitCode']}"
    # The message is the end of the log, and the last line is where programs say what went wrong.
    last_line = terminated.get("message", "").strip().rpartition("\n")[2]
    return _text(exited if cause == "Error" else f"{exited} ({cause})", last_line)


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


def _is_ready(pod: Manifest) -> bool:
    return bool(_condition(pod, "Ready").get("status") == "True")


def _condition(manifest: Manifest, kind: str) -> Mapping[str, Any]:
    conditions = manifest.get("status", {}).get("conditions", ())
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _label(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("labels", {}).get(VERSION_LABEL, ""))


def _text(reason: str | None, message: str | None) -> str:
    return plain(": ".join(part.strip() for part in (reason, message) if part), _MAX_PROBLEM)
