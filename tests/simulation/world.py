"""The whole operator beside a simulated cluster: what people and machines do to it, and what becomes of the traffic."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar, TypeVar

from tests.simulation.api_server import OperatorKilled, SimulatedApiServer
from tests.simulation.gateway import Gateway, weights_of
from tests.simulation.nodes import Nodes, bento_of
from tests.simulation.prometheus import REQUESTS_PER_SECOND, TICK, SimulatedPrometheus

from modelrollout.api.identity import version_of
from modelrollout.api.model import Model
from modelrollout.api.parsing import parse_status
from modelrollout.api.status import Status
from modelrollout.kube.apply import Applier
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.snapshots import Snapshots
from modelrollout.ports import DEPLOYMENT, EVENT, HTTP_ROUTE, MODEL_ROLLOUT, KubeError, Manifest
from modelrollout.runtime.queue import Key
from modelrollout.runtime.reconcile import Reconciler
from modelrollout.runtime.settings import OperatorSettings
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.traffic.registry import all_routers
from modelrollout_contract.objects import VERSION_LABEL

T = TypeVar("T")

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KEY = Key("ml", "churn")

STRATEGY = {
    "steps": [{"weight": 10, "hold": "10s"}, {"weight": 50, "hold": "10s"}],
    "holdBack": {"percent": 10, "for": "60s"},
    "deadline": {"after": "10m", "action": "Rollback"},
}


def model(bento: str) -> dict[str, str]:
    """`spec.model` for a Bento."""
    return {"bento": bento, "image": f"registry.example/{bento}"}


SPEC: Manifest = {
    "model": model("churn:v1"),
    "serving": {"replicas": 4, "drain": "15s", "progressDeadline": "2m"},
    "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
    "strategy": STRATEGY,
    "gates": [{"name": "errors", "errorRate": {"maxIncrease": "5%"}}],
}
# Longer than a whole rollout with its watch, and two deadlines.
REST_SECONDS = 1500


def manifest(uid: str) -> Manifest:
    """A ModelRollout as somebody applies it for the first time."""
    return {
        "apiVersion": MODEL_ROLLOUT.api_version,
        "kind": MODEL_ROLLOUT.kind,
        "metadata": {"namespace": KEY.namespace, "name": KEY.name, "uid": uid, "generation": 1, "resourceVersion": "1"},
        "spec": SPEC,
    }


class InOrder(ThreadPoolExecutor):
    """Runs at once what others run beside: the same disturbances always meet the same operator."""

    def submit(self, work: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass
class Look:
    """One reconcile: what was true when it began and what came of it.

    ready: ready pods by version hash. deployed: versions with a Deployment. templates: of their pods, when it began.
    routed: percent of the traffic by version, as clients met it. failure: the kind of error it ended with.
    """

    at: datetime
    before: Status
    after: Status
    ready: dict[str, int]
    deployed: frozenset[str]
    templates: dict[str, Manifest]
    routed: dict[str, int]
    failure: str
    writes: list[str]


@dataclass
class Simulation:
    """`tick` lets one scrape interval pass; `look` has the operator look once. The clock is the simulation's own.

    looked: looks in all simulations of this process.
    """

    looked: ClassVar[int] = 0
    dice: Random = field(default_factory=lambda: Random(7))
    now: datetime = START
    looks: list[Look] = field(default_factory=list)
    lives: int = 1

    def __post_init__(self) -> None:
        self.server = SimulatedApiServer(manifest("uid-1"))
        self.nodes = Nodes(self.server)
        self.gateway = Gateway(self.server)
        self.prometheus = SimulatedPrometheus(KEY.name, self.dice)
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(InOrder())
        self.restart()

    def copy(self) -> "Simulation":
        """Another world that goes on from here, with an operator that has just started."""
        other = Simulation(Random(7), self.now, lives=self.lives)
        other.server.objects, other.server._revision = deepcopy(self.server.objects), self.server._revision
        other.nodes.born, other.nodes.made = deepcopy(self.nodes.born), self.nodes.made
        other.gateway.routed, other.gateway.generation = dict(self.gateway.routed), self.gateway.generation
        other.prometheus.counts = dict(self.prometheus.counts)
        return other

    def close(self) -> None:
        """Give back what the operating system lent."""
        self.loop.close()

    def restart(self) -> None:
        """A new process of the operator, with nothing in memory."""
        self.reconciler = Reconciler(
            client=self.server,
            applier=Applier(self.server, clock=self._clock),
            snapshots=Snapshots(self.server),
            recorder=EventRecorder(self.server, now=lambda: self.now),
            routers=all_routers(),
            metrics=self.prometheus,
            telemetry=Telemetry(),
            settings=OperatorSettings(prometheus_url="http://unused", scrape_interval=TICK, scrape_lag=0.001),
            now=lambda: self.now,
        )

    def _clock(self) -> float:
        return self.now.timestamp()

    def tick(self) -> None:
        """Let one scrape interval pass."""
        self.now += timedelta(seconds=TICK)
        self.prometheus.scrape(self.now, self.gateway.routed | self.gateway.copied, self.ready())
        self.nodes.tick(self.now)
        self.gateway.tick()

    def look(self) -> Look:
        """Have the operator reconcile once, and keep what came of it."""
        before, ready, deployed = self.status(), self.ready(), frozenset(self.deployments())
        templates = {version: deepcopy(made["spec"]["template"]) for version, made in self.deployments().items()}
        written = len(self.server.writes)
        failure = ""
        try:
            self.loop.run_until_complete(self.reconciler.reconcile(KEY))
        except OperatorKilled:
            failure = "killed"
            self.restart()
        except KubeError as error:
            failure = type(error).__name__
        except Exception as error:
            failure = f"raised {error!r}"
        writes = self.server.writes[written:]
        routed = dict(self.gateway.routed)
        done = Look(self.now, before, self.status(), ready, deployed, templates, routed, failure, writes)
        self.looks.append(done)
        Simulation.looked += 1
        return done

    def run(self, seconds: float) -> None:
        """Let time pass with a look in every interval."""
        for _ in range(int(seconds / TICK)):
            self.tick()
            self.look()

    def leap(self, minutes: float) -> None:
        """Let the clock go on without anything happening in between, as for an operator that was away."""
        self.now += timedelta(minutes=minutes)

    def set_error_rate(self, bento: str, rate: float) -> None:
        """The share of bad answers of a Bento, from now on."""
        self.prometheus.error_rates[version_of(Model(**model(bento))).hash] = rate

    def come_to_rest(self) -> None:
        """Traffic flows, every version works, nobody suspends or wants anything impossible, and time passes."""
        self.prometheus.requests_per_second = REQUESTS_PER_SECOND
        self.prometheus.error_rates.clear()
        if self.rollout:
            self.server.edit(
                MODEL_ROLLOUT, KEY.namespace, KEY.name, spec={**SPEC, "model": self.rollout["spec"]["model"]}
            )
        self.collect_garbage()
        self.run(10 * TICK)
        for _ in range(int(REST_SECONDS / TICK)):
            self.run(TICK)
            status = self.status()
            if not (status.challenger or status.previous or status.retiring or status.serving_since is None):
                break
        self.run(5 * TICK)

    def calm(self) -> None:
        """End every fault."""
        self.server.calm()
        self.nodes.down.clear()
        self.gateway.hung = self.gateway.refuses = False
        self.prometheus.weather = type(self.prometheus.weather).UP

    @property
    def rollout(self) -> Manifest | None:
        """The ModelRollout as the API server has it."""
        return self.server.objects.get((MODEL_ROLLOUT, KEY.namespace, KEY.name))

    def status(self) -> Status:
        """Its status; empty if there is none."""
        parsed = parse_status(self.rollout) if self.rollout else Status()
        assert isinstance(parsed, Status), parsed
        return parsed

    def ready(self) -> dict[str, int]:
        """Ready pods by version hash."""
        return {version_hash: self.nodes.ready(version_hash) for version_hash in self.deployments()}

    def deployments(self) -> dict[str, Manifest]:
        """Deployments by version hash."""
        found = self.server.of_kind(DEPLOYMENT).values()
        return {deployment["metadata"]["labels"][VERSION_LABEL]: deployment for deployment in found}

    def weights(self) -> dict[str, int]:
        """Percent of the traffic by version hash, as written."""
        route = self.server.objects.get((HTTP_ROUTE, KEY.namespace, KEY.name))
        return weights_of(route) if route else {}

    def bento(self, version_hash: str) -> str:
        """The Bento of a version that has a Deployment."""
        return bento_of(self.deployments()[version_hash])

    def edit_spec(self, **fields: Any) -> None:
        """What kubectl apply does."""
        if self.rollout:
            spec = {**self.rollout["spec"], **fields}
            self.server.edit(MODEL_ROLLOUT, KEY.namespace, KEY.name, spec=spec)

    def annotate(self, command: str) -> None:
        """What the plugin's commands do."""
        if self.rollout:
            metadata = self.rollout["metadata"]
            annotations = {**metadata.get("annotations", {}), f"modelrollout.io/{command}": self.now.isoformat()}
            self.server.edit(MODEL_ROLLOUT, KEY.namespace, KEY.name, metadata={**metadata, "annotations": annotations})

    def make_again(self) -> None:
        """What kubectl replace --force does: the same manifest under another uid, without a status.

        The garbage collector comes later, by `collect_garbage`.
        """
        if self.rollout is None:
            return
        self.lives += 1
        spec = self.rollout["spec"]
        annotations = self.rollout["metadata"].get("annotations", {})
        del self.server.objects[MODEL_ROLLOUT, KEY.namespace, KEY.name]
        fresh = manifest(f"uid-{self.lives}")
        fresh["spec"], fresh["metadata"]["annotations"] = spec, annotations
        self.server.objects[MODEL_ROLLOUT, KEY.namespace, KEY.name] = fresh

    def collect_garbage(self) -> None:
        """Remove what is owned by a ModelRollout that is no more."""
        uid = self.rollout["metadata"]["uid"] if self.rollout else ""
        for key, item in list(self.server.objects.items()):
            owners = [reference["uid"] for reference in item["metadata"].get("ownerReferences", ())]
            if owners and uid not in owners and key[0] != EVENT:
                del self.server.objects[key]
