"""The world of the end-to-end tests: a cluster with the operator, one ModelRollout and steady traffic to it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from modelrollout.api.conditions import Condition
from modelrollout.api.rollout import ModelRollout
from modelrollout.kube.manifests import SERVICE_PORT
from modelrollout.kube.ownership import ROLLOUT_LABEL
from modelrollout_demo.rollouts import KIND, NAME, ROUTE_KIND, DigitsRollout, remove
from modelrollout_demo.stories import FAULTY, STORIES, is_serving, quarantine_entry
from modelrollout_testkit.answers import Answer
from modelrollout_testkit.changes import Object
from modelrollout_testkit.control import unexplained
from modelrollout_testkit.environment import Environment
from modelrollout_testkit.installation import RELEASE, SYSTEM_NAMESPACE
from modelrollout_testkit.load import Load
from modelrollout_testkit.recorder import Recorder
from modelrollout_testkit.watching import eventually

# The weight at which a paused rollout waits for an approval, and the one that comes next.
PAUSED_WEIGHT = 40
NEXT_WEIGHT = 60

# What must become of each version.
STORY = {story.version: story for story in STORIES}

Edit = Callable[[Object], None]


def quick(manifest: Object) -> None:
    """Less time for people to watch, and for a busy machine more time to answer."""
    spec = manifest["spec"]
    spec["serving"] |= {"drain": "3s", "requestTimeout": "3s"}
    spec["gates"][1]["latency"]["threshold"] = "250ms"
    spec["strategy"] = {
        "steps": [{"weight": 20, "hold": "5s"}, {"weight": PAUSED_WEIGHT, "hold": "5s"}],
        "holdBack": {"percent": 5, "for": "10s"},
    }


def pausing(manifest: Object) -> None:
    """A ramp that stays in its middle until somebody approves."""
    quick(manifest)
    manifest["spec"]["strategy"]["steps"] = [
        {"weight": 20, "hold": "5s"},
        {"weight": PAUSED_WEIGHT, "approval": True},
        {"weight": NEXT_WEIGHT, "hold": "5m"},
    ]


def with_gates(*gates: Object) -> Edit:
    """`quick`, with further gates."""

    def edit(manifest: Object) -> None:
        quick(manifest)
        manifest["spec"]["gates"] += gates

    return edit


@dataclass(frozen=True)
class World:
    """One for all tests of a file: each says first which champion it wants, and finds it there if one before left it.

    control: load on a model beside the rollout. recorder: of what happens in the namespace.
    """

    environment: Environment
    rollout: DigitsRollout
    load: Load
    control: Load
    recorder: Recorder

    @property
    def namespace(self) -> str:
        return self.rollout.namespace

    def serve(self, version: str) -> None:
        """Have a version as the champion, with nothing else under way."""
        bento = self.rollout.digits.version(version).bento
        if (found := self.rollout.found) and found.status.champion and found.status.champion.bento != bento:
            remove(self.environment.kubectl, self.namespace)
        self.rollout.apply(version, quick)
        self.rollout.until(
            lambda now: now.spec.model.bento == bento and is_serving(now, bento), f"{bento} to serve alone"
        )
        eventually(lambda: self.load.served(bento), f"{bento} to answer")

    def pause(self, version: str, champion: str) -> ModelRollout:
        """Have a rollout of a version that waits in the middle of its ramp for an approval."""
        found = self.rollout.found
        if not (found and is_paused(found, version)):
            self.serve(champion)
            self.rollout.apply(version, pausing)
            if found and quarantine_entry(found, self.rollout.digits.version(version)):
                self.rollout.command("retry", str(time.time()))
        return self.rollout.until(lambda now: is_paused(now, version), f"{version} to wait for an approval")

    @contextmanager
    def no_failures(self) -> Iterator[None]:
        """Fails if meanwhile requests fail that no model is to blame for, and that the control's do not."""
        started = time.time()
        yield
        self.load.require_running()
        self.control.require_running()
        answers, beside = self.load.since(started), self.control.since(started)
        lost = unexplained(answers, beside, FAULTY)
        assert not lost, f"{len(lost)} of {len(answers)} requests failed, first {lost[:3]}"
        print(tally(answers, beside))

    @contextmanager
    def past_the_gateway(self, version: str, rate: int, folder: Path) -> Iterator[Load]:
        """More requests, straight to the Service of a version, while `with` lasts. folder: for what is sent."""
        service = self.rollout.digits.workload(version)
        with (
            self.environment.kubectl.forwarded(self.namespace, service, SERVICE_PORT) as url,
            Load(self.environment.checkout, url, folder, rate) as load,
        ):
            yield load

    def resource_versions(self) -> Mapping[str, str]:
        """By kind and name, of the ModelRollout and all that was made for it."""
        objects = [
            self.environment.kubectl.get(KIND, NAME, f"--namespace={self.namespace}"),
            *self.made("deployments,services", ROUTE_KIND),
        ]
        return {f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in objects}

    def unchanged_for(self, seconds: float) -> Mapping[str, str] | None:
        """`resource_versions` if they stay the same so long; None if not."""
        before = self.resource_versions()
        time.sleep(seconds)
        return before if self.resource_versions() == before else None

    def made(self, *kinds: str) -> list[Object]:
        """Objects of some kinds that were made for the ModelRollout."""
        selector = (f"--namespace={self.namespace}", f"--selector={ROLLOUT_LABEL}={NAME}")
        return [one for kind in kinds for one in self.environment.kubectl.get(kind, *selector)["items"]]

    def weights_since(self, moment: float) -> list[Mapping[str, int]]:
        """How the route split the traffic from `moment` (unix time) on: what it was then, and every change since."""
        earlier = [weights.by_version for weights in self.rollout.weights if weights.at < moment]
        return [*earlier[-1:], *(weights.by_version for weights in self.rollout.weights if weights.at >= moment)]

    def operator_pod(self) -> Object:
        """The operator's pod. There is one."""
        selector = f"--selector=app.kubernetes.io/instance={RELEASE}"
        (pod,) = self.environment.kubectl.get("pods", f"--namespace={SYSTEM_NAMESPACE}", selector)["items"]
        found: Object = pod
        return found

    def kill_operator(self) -> None:
        """SIGKILL from outside, then wait until the kubelet has started it anew and it is ready."""
        before = self.operator_pod()["status"]["containerStatuses"][0]
        send(signal.SIGKILL, [self.operator_pod()])

        def restarted() -> bool:
            (now,) = self.operator_pod()["status"]["containerStatuses"]
            return bool(now["restartCount"] > before["restartCount"] and now["ready"])

        eventually(restarted, "the operator to start anew")

    def record(self, folder: Path) -> Path:
        """A copy of what the operator has recorded of the ModelRollout."""
        path = folder / f"{self.namespace}.{NAME}.jsonl"
        operator = (f"--namespace={SYSTEM_NAMESPACE}", f"deployment/{RELEASE}")
        path.write_text(self.environment.kubectl("exec", *operator, "--", "cat", f"/records/{path.name}"))
        return path

    def scale_prometheus(self, replicas: int) -> None:
        """Stop Prometheus, or start it and wait until it is ready."""
        here = "--namespace=monitoring"
        kubectl = self.environment.kubectl
        kubectl("scale", "deployment/prometheus", here, f"--replicas={replicas}")
        if replicas:
            kubectl("rollout", "status", "deployment/prometheus", here, "--timeout=120s")
        else:
            kubectl("wait", "--for=delete", "pod", "--selector=app=prometheus", here, "--timeout=60s")

    @contextmanager
    def frozen(self, find: Callable[[], Sequence[Object]]) -> Iterator[None]:
        """Keep all processes of some pods from running while `with` lasts: also of those that take their place.

        find: the pods, as they are now.
        """
        stop = threading.Event()

        def freeze() -> None:
            while not stop.wait(0.5):
                send(signal.SIGSTOP, find())

        thread = threading.Thread(target=freeze, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            send(signal.SIGCONT, find())

    @contextmanager
    def crash_looping(self, version: str) -> Iterator[None]:
        """Kill the processes of a version's pods whenever there are some, while `with` lasts."""
        stop = threading.Event()

        def kill() -> None:
            while not stop.wait(1):
                send(signal.SIGKILL, self.rollout.pods(version))

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def listener(self) -> str | None:
        """The listener that the route is attached to; None if it names none."""
        (route,) = self.made(ROUTE_KIND)
        found: str | None = route["spec"]["parentRefs"][0].get("sectionName")
        return found

    def contour_pods(self) -> Sequence[Object]:
        """The gateway's controller, which tells Envoy of routes, and their status of acceptance."""
        found: Sequence[Object] = self.environment.kubectl.get(
            "pods", "--namespace=projectcontour", "--selector=app=contour"
        )["items"]
        return found

    def without_ready_pods(self, version: str) -> bool:
        """Whether no pod of a version is ready."""
        return not any(
            found["type"] == "Ready" and found["status"] == "True"
            for pod in self.rollout.pods(version)
            for found in pod["status"].get("conditions", ())
        )


def tally(answers: Sequence[Answer], beside: Sequence[Answer]) -> str:
    """How many failed, here and in the control."""
    failed, failed_beside = (sum(answer.failed for answer in some) for some in (answers, beside))
    return f"{failed} of {len(answers)} requests failed, of the control's {failed_beside} of {len(beside)}"


def send(signal_number: signal.Signals, pods: Sequence[Object]) -> None:
    """Send a signal to every process of pods, from outside."""
    containers = [found for pod in pods for found in pod["status"].get("containerStatuses", ())]
    for container in containers:
        for pid in processes_of(container.get("containerID", "none/none").rpartition("/")[2]):
            with suppress(ProcessLookupError):
                os.kill(pid, signal_number)


def condition(rollout: ModelRollout, type_: str) -> Condition | None:
    """A condition of the ModelRollout; None if it is absent."""
    return next((found for found in rollout.status.conditions if found.type == type_), None)


def is_now(rollout: ModelRollout, type_: str, status: str) -> bool:
    """Whether a condition of the ModelRollout has a status, for the spec as it is now."""
    current = rollout.status.observed_generation == rollout.metadata.generation
    found = condition(rollout, type_)
    return current and found is not None and found.status == status


def is_paused(rollout: ModelRollout, version: str) -> bool:
    """Whether a version has `PAUSED_WEIGHT` and only an approval is missing for more."""
    status = rollout.status
    return (
        status.challenger is not None
        and status.challenger.bento == f"{NAME}:{version}"
        and status.rollout is not None
        and status.rollout.awaits_approval
        and status.weight == PAUSED_WEIGHT
    )


def processes_of(container: str) -> Sequence[int]:
    """Processes, as this machine numbers them, in the cgroup of a container."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if container in text:
            found.append(int(path.parent.name))
    return found
