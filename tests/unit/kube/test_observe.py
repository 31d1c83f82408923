from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelrollout.kube.observe import names_of_pods_ready_since, version_observation, version_observations
from modelrollout.ports import Manifest

NOW = datetime(2026, 11, 24, 15, 10, tzinfo=UTC)
LONG_AGO = "2026-11-24T15:00:00Z"
JUST_NOW = "2026-11-24T15:09:55Z"


def deployment(
    version: str = "v1",
    replicas: int = 2,
    generation: int = 3,
    conditions: tuple[Manifest, ...] = (),
    **status: int,
) -> Manifest:
    counts = {"observedGeneration": 3, "replicas": replicas, "updatedReplicas": replicas} | status
    return {
        "metadata": {"labels": {"modelrollout.io/version": version}, "generation": generation},
        "spec": {"replicas": replicas},
        "status": {**counts, "conditions": list(conditions)},
    }


def pod(*containers: Manifest, ready: bool = False, version: str = "v1", **status: Any) -> Manifest:
    return {
        "metadata": {"labels": {"modelrollout.io/version": version}},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": list(containers),
            **status,
        },
    }


def terminating(manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "deletionTimestamp": LONG_AGO}}


def container(state: Manifest, **fields: Any) -> Manifest:
    return {"name": "model", "ready": False, "state": state} | fields


def waiting(reason: str, message: str = "", **fields: Any) -> Manifest:
    return container({"waiting": {"reason": reason, "message": message}}, **fields)


def running(since: str, **fields: Any) -> Manifest:
    return container({"running": {"startedAt": since}}, **fields)


def crashed(**exit_status: Any) -> Manifest:
    return {"terminated": {"exitCode": 1, "reason": "Error"} | exit_status}


OUT_OF_MEMORY = crashed(exitCode=137, reason="OOMKilled", finishedAt="2026-11-24T15:05:00Z")
IMPORT_ERROR = crashed(message="ImportError: no module named churn\n")

UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient cpu.",
}


def test_pods_that_can_serve_are_ready() -> None:
    pods = [
        pod(ready=True),
        pod(ready=True, version="other"),
        pod(ready=False),
        terminating(pod(ready=True)),
    ]

    observation = version_observation(deployment(replicas=3), pods, NOW)

    assert (observation.hash, observation.desired, observation.ready) == ("v1", 3, 1)


@pytest.mark.parametrize(
    ("seen", "updated"),
    [
        (deployment(), True),
        (deployment(generation=4), False),
        (deployment(updatedReplicas=1), False),
        (deployment(replicas=2, updatedReplicas=2) | {"spec": {"replicas": 3}}, False),
        (deployment(replicas=3, updatedReplicas=2), False),
        (deployment() | {"status": {}}, False),
    ],
    ids=["done", "change not seen yet", "old pods left", "too few", "surge", "new"],
)
def test_updated_means_that_a_change_has_rolled_through(seen: Manifest, updated: bool) -> None:
    assert version_observation(seen, [], NOW).updated is updated


@pytest.mark.parametrize(
    ("seen", "problem"),
    [
        pytest.param(pod(ready=True), "", id="ready"),
        pytest.param(
            pod(running(JUST_NOW, ready=True, restartCount=9, lastState=OUT_OF_MEMORY), ready=True),
            "Restarted 9 times: container model exited with code 137 (OOMKilled)",
            id="ready after restarts",
        ),
        pytest.param(
            pod(running(JUST_NOW, ready=True, restartCount=1), ready=True),
            "Restarted 1 times",
            id="ready after a restart of which nothing is known any more",
        ),
        pytest.param(pod(), "", id="brand new"),
        pytest.param({"metadata": pod()["metadata"]}, "", id="no status yet"),
        pytest.param(pod(waiting("ContainerCreating")), "", id="starting"),
        pytest.param(pod(running(JUST_NOW, started=False)), "", id="loading its model"),
        pytest.param(
            pod(running(LONG_AGO, started=False)),
            f"NotReady: container model runs since {LONG_AGO}, its startup probe fails",
            id="never started",
        ),
        pytest.param(
            pod(running(LONG_AGO, started=True)),
            f"NotReady: container model runs since {LONG_AGO}, its readiness probe fails",
            id="not ready",
        ),
        pytest.param(
            pod(waiting("ErrImageNeverPull", "not present with pull policy of Never")),
            "ErrImageNeverPull: not present with pull policy of Never",
            id="image not loaded",
        ),
        pytest.param(
            pod(waiting("CreateContainerConfigError", 'secret "s" not found')),
            'CreateContainerConfigError: secret "s" not found',
            id="no secret",
        ),
        pytest.param(
            pod(container(IMPORT_ERROR)),
            "ContainerExited: container model exited with code 1",
            id="first crash",
        ),
        pytest.param(
            pod(container(crashed(exitCode=137, reason="OOMKilled"), restartCount=1)),
            "CrashLoopBackOff: container model exited with code 137 (OOMKilled)",
            id="out of memory",
        ),
        pytest.param(
            pod(
                ready=False,
                initContainerStatuses=[waiting("ErrImagePull", "denied", name="fetch")],
                containerStatuses=[waiting("PodInitializing")],
            ),
            "ImagePullBackOff: denied",
            id="init container",
        ),
        pytest.param(
            pod(
                initContainerStatuses=[container({"terminated": {"exitCode": 0}}, ready=True)],
                containerStatuses=[running(JUST_NOW)],
            ),
            "",
            id="init container done",
        ),
        pytest.param(
            pod(conditions=[UNSCHEDULABLE]),
            "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.",
            id="unschedulable",
        ),
        pytest.param(
            pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
            "Evicted: The node was low on resource: memory.",
            id="evicted",
        ),
        pytest.param(terminating(pod(waiting("ImagePullBackOff"))), "", id="on its way out"),
    ],
)
def test_the_problem_says_what_keeps_a_pod_from_getting_ready(seen: Manifest, problem: str) -> None:
    assert version_observation(deployment(), [seen], NOW).problem == problem


@pytest.mark.parametrize(
    "seen",
    [
        container(IMPORT_ERROR, restartCount=4),
        waiting("CrashLoopBackOff", "back-off 40s restarting", lastState=IMPORT_ERROR, restartCount=4),
        running(JUST_NOW, lastState=IMPORT_ERROR, restartCount=4),
    ],
    ids=["down", "waiting", "up again"],
)
def test_a_crash_loop_reads_the_same_in_each_of_its_phases(seen: Manifest) -> None:
    problem = "CrashLoopBackOff: container model exited with code 1"

    assert version_observation(deployment(), [pod(seen)], NOW).problem == problem


@pytest.mark.parametrize(
    "seen",
    [
        waiting("ErrImagePull", "rpc error: no such host"),
        waiting("ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: rpc error: no such host'),
    ],
    ids=["pulling", "waiting"],
)
def test_an_image_that_cannot_be_pulled_reads_the_same_in_each_of_its_phases(seen: Manifest) -> None:
    problem = version_observation(deployment(), [pod(seen)], NOW).problem

    assert problem == "ImagePullBackOff: rpc error: no such host"


def test_a_pod_that_cannot_start_says_more_than_one_that_is_not_ready() -> None:
    pods = [pod(running(LONG_AGO, started=True)), pod(waiting("ImagePullBackOff", "denied"))]

    assert version_observation(deployment(), pods, NOW).problem == "ImagePullBackOff: denied"


def test_a_quota_that_keeps_pods_from_being_made_is_the_problem() -> None:
    failure = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": 'pods "churn-v1-x" is forbidden: exceeded quota: pods',
    }

    observation = version_observation(deployment(conditions=(failure,)), [pod()], NOW)

    assert observation.problem == 'FailedCreate: pods "churn-v1-x" is forbidden: exceeded quota: pods'


def test_a_missed_deadline_is_a_problem_if_nothing_says_more() -> None:
    late = {
        "type": "Progressing",
        "status": "False",
        "reason": "ProgressDeadlineExceeded",
        "message": 'ReplicaSet "churn-v1" has timed out progressing.',
    }
    seen = deployment(conditions=(late,))

    assert version_observation(seen, [pod()], NOW).problem == (
        'ProgressDeadlineExceeded: ReplicaSet "churn-v1" has timed out progressing.'
    )
    assert version_observation(seen, [pod(waiting("ErrImagePull", "denied"))], NOW).problem == (
        "ImagePullBackOff: denied"
    )


def test_a_long_message_is_cut() -> None:
    seen = pod(waiting("ErrImagePull", "x" * 4096))

    assert len(version_observation(deployment(), [seen], NOW).problem) == 500


def test_of_what_a_container_printed_the_last_line_is_told() -> None:
    seen = pod(container(crashed(message='Traceback:\n  File "x.py"\nImportError: no module named churn\n')))

    assert version_observation(deployment(), [seen], NOW, logs=True).problem == (
        "ContainerExited: container model exited with code 1: ImportError: no module named churn"
    )


SECRET = "hunter2"


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(container(crashed(message=f"token {SECRET}")), id="what it printed"),
        pytest.param(
            waiting("CrashLoopBackOff", lastState=crashed(message=SECRET), restartCount=1), id="what it printed before"
        ),
        pytest.param(waiting("RunContainerError", f'exec: "{SECRET}": not found in $PATH'), id="an argument"),
        pytest.param(waiting("CreateContainerConfigError", f"SubPath `/{SECRET}` must not be absolute"), id="a path"),
        pytest.param(waiting("CreateContainerError", f"workingDir {SECRET} does not exist"), id="a directory"),
        pytest.param(waiting("PostStartHookError", f"Exec failed, message: {SECRET}"), id="the output of a hook"),
        pytest.param(container(crashed(reason="StartError", message=f'exec "{SECRET}": no such file')), id="a command"),
        pytest.param(
            running(JUST_NOW, ready=True, restartCount=1, lastState=crashed(message=SECRET)), id="before a restart"
        ),
    ],
)
@pytest.mark.parametrize("ready", [True, False])
def test_no_words_of_a_container_are_told_unless_the_installation_says_so(seen: Manifest, ready: bool) -> None:
    pods = [pod(seen, ready=ready)]

    assert SECRET not in str(version_observation(deployment(), pods, NOW))
    if not ready:
        assert SECRET in str(version_observation(deployment(), pods, NOW, logs=True))


@pytest.mark.parametrize(
    "message",
    ['secret "s" not found', 'configmap "c" not found', "couldn't find key token in Secret ml/churn"],
)
def test_what_is_missing_for_a_container_is_told_by_its_name(message: str) -> None:
    seen = pod(waiting("CreateContainerConfigError", message))

    assert version_observation(deployment(), [seen], NOW).problem == f"CreateContainerConfigError: {message}"


def test_restarts_count_for_all_pods_of_a_version_and_the_last_exit_is_told() -> None:
    earlier = crashed(exitCode=1, finishedAt="2026-11-24T14:00:00Z")
    pods = [
        pod(running(JUST_NOW, ready=True, restartCount=2, lastState=OUT_OF_MEMORY), ready=True),
        pod(running(JUST_NOW, ready=True, restartCount=1, lastState=earlier), ready=True),
        pod(running(JUST_NOW, restartCount=7), version="other"),
        terminating(pod(running(JUST_NOW, restartCount=7))),
    ]

    observation = version_observation(deployment(), pods, NOW)

    assert observation.restarts == 3
    assert observation.last_exit == "container model exited with code 137 (OOMKilled)"


def test_every_version_is_seen_on_its_own() -> None:
    deployments = [deployment("v1", replicas=2), deployment("v2", replicas=1)]
    pods = [pod(ready=True), pod(ready=True), pod(waiting("ErrImagePull", "denied"), version="v2")]

    observations = version_observations(deployments, pods, NOW)

    assert {key: (seen.desired, seen.ready, seen.problem) for key, seen in observations.items()} == {
        "v1": (2, 2, ""),
        "v2": (1, 0, "ImagePullBackOff: denied"),
    }


def named(name: str, since: str | None, ready: bool = True) -> Manifest:
    condition = {"type": "Ready", "status": str(ready), **({"lastTransitionTime": since} if since else {})}
    return {"metadata": {"name": name}, "status": {"conditions": [condition]}}


def test_pods_that_have_served_for_long_are_known_by_name() -> None:
    pods = [
        named("a", LONG_AGO),
        named("b", JUST_NOW),
        named("c", LONG_AGO, ready=False),
        named("d", None),
        terminating(named("e", LONG_AGO)),
    ]

    assert names_of_pods_ready_since(pods, NOW - timedelta(minutes=5)) == {"a"}
