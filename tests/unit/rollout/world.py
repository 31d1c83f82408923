"""A small deterministic world around `decide`: pods that take time to start, a route that follows, counted traffic.

It stands in for the cluster in tests of the decision code only; nothing here touches a network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import floor
from random import Random

from modelrollout.api.gates import Gate
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import Status
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.mean import ArmSum
from modelrollout.rollout.decide import arms_to_judge, decide
from modelrollout.rollout.measurements import (
    Bucketed,
    BucketWindow,
    Counted,
    Measurement,
    NoData,
    SourceDown,
    Summed,
    SumWindow,
    Window,
)
from modelrollout.rollout.observation import Copies, Observation, RouteObservation, VersionObservation
from modelrollout.rollout.plan import Event, Plan
from modelrollout.rollout.settings import Settings

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TICK = 5.0


def spec(bento: str = "churn:v1", **changes: object) -> ModelRolloutSpec:
    """A spec with one gate on errors; `changes` replace top-level fields, as in a manifest."""
    manifest = {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "churn", "namespace": "ml"},
        "spec": {
            "model": {"bento": bento, "image": f"registry.example/{bento}"},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "models"}]}},
            "strategy": {
                "steps": [{"weight": 10, "hold": "20s"}, {"weight": 50, "hold": "20s"}],
                "holdBack": {"percent": 5, "for": "60s"},
            },
            "gates": [{"name": "errors", "errorRate": {"maxIncrease": "2%"}}],
            **changes,
        },
    }
    return ModelRollout.model_validate(manifest).spec


@dataclass
class World:
    """`step` lets one scrape interval pass, decides, and carries the plan out.

    starts: seconds that a version's pods need, by bento; None for never. error_rates: by bento.
    losses: mean loss of an answer, by bento; classes: share of the answers in each class, by bento.
    requests_per_second: of all versions together. misrouted: percent that a bento really gets, whatever its weight.
    """

    spec: ModelRolloutSpec = field(default_factory=spec)
    status: Status = field(default_factory=Status)
    now: datetime = START
    starts: dict[str, float | None] = field(default_factory=dict)
    error_rates: dict[str, float] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    classes: dict[str, tuple[float, ...]] = field(default_factory=dict)
    requests_per_second: float = 200.0
    misrouted: dict[str, float] = field(default_factory=dict)
    prometheus: str = "up"
    commands: dict[str, str] = field(default_factory=dict)
    generation: int = 1
    settings: Settings = field(default_factory=lambda: Settings(scrape_interval=TICK, scrape_lag=1.0))
    pods: dict[str, list[datetime]] = field(default_factory=dict)
    bentos: dict[str, str] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, Copies] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    history: list[Mapping[str, int]] = field(default_factory=list)
    counts: dict[int, dict[str, ArmCounts]] = field(default_factory=dict)
    fractions: dict[str, float] = field(default_factory=dict)
    dice: Random = field(default_factory=lambda: Random(7))

    def apply(self, changed: ModelRolloutSpec) -> None:
        """What kubectl apply does."""
        if changed != self.spec:
            self.spec = changed
            self.generation += 1

    def step(self, crash: str = "none") -> Plan:
        """Let one scrape interval pass. `crash`: where the operator dies while it carries the plan out."""
        self.now += timedelta(seconds=TICK)
        self._serve()
        return self.look(crash)

    def look(self, crash: str = "none") -> Plan:
        """Decide once more at the same time, as after a change of something that is watched."""
        plan = decide(self.spec, self.generation, self.status, self.observe(), self.settings, self.now)
        if crash == "before the status is written":
            return plan
        self.status = plan.status
        self.events += plan.events
        if plan.placement and crash == "none":
            self._place(plan)
        return plan

    def run(self, seconds: float) -> "World":
        for _ in range(int(seconds / TICK)):
            self.step()
        return self

    def observe(self) -> Observation:
        return Observation(
            versions={key: self._version(key) for key in self.pods},
            route=RouteObservation(
                exists=bool(self.weights),
                weights=self.weights,
                settled=bool(self.weights),
                copied={key: copies.percent for key, copies in self.copies.items()},
            ),
            measurements=self._measurements(),
            commands=self.commands,
        )

    def share(self, bento: str) -> int:
        """Percent of the traffic that goes to a bento now."""
        return sum(weight for key, weight in self.weights.items() if self.bentos[key] == bento)

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    def condition(self, kind: str) -> str | None:
        return next((str(c.status) for c in self.status.conditions if c.type == kind), None)

    def reason(self, kind: str) -> str | None:
        return next((c.reason for c in self.status.conditions if c.type == kind), None)

    def ready(self, key: str) -> int:
        wait = self.starts.get(self.bentos[key], 10.0)
        if wait is None:
            return 0
        return sum(self.now - born >= timedelta(seconds=wait) for born in self.pods[key])

    def _version(self, key: str) -> VersionObservation:
        ready = self.ready(key)
        problem = "CrashLoopBackOff: exit code 1" if self.starts.get(self.bentos[key], 10.0) is None else ""
        return VersionObservation(key, desired=len(self.pods[key]), ready=ready, updated=True, problem=problem)

    def _place(self, plan: Plan) -> None:
        assert plan.placement is not None
        wanted = {desired.version.hash: desired for desired in plan.placement.versions}
        for key in list(self.pods):
            if key not in wanted:
                del self.pods[key]
        for key, desired in wanted.items():
            self.bentos[key] = desired.version.bento
            pods = self.pods.setdefault(key, [])
            pods += [self.now] * (desired.replicas - len(pods))
            del pods[desired.replicas :]
        self.weights = dict(plan.placement.weights)
        self.copies = dict(plan.placement.copies)
        self.history.append(self.weights)

    def _serve(self) -> None:
        window = floor(self.now.timestamp() / TICK) - 1
        total = self.requests_per_second * TICK
        self.counts[window] = {}
        for key in self.weights:
            weight = self.copies[key].percent if key in self.copies else self.weights[key]
            expected = total * self.misrouted.get(self.bentos[key], weight) / 100 + self.fractions.get(key, 0.0)
            requests = floor(expected + 1e-9)
            self.fractions[key] = expected - requests
            rate = self.error_rates.get(self.bentos[key], 0.005)
            bad = sum(self.dice.random() < rate for _ in range(requests))
            self.counts[window][key] = ArmCounts(requests, bad)

    def _measurements(self) -> Mapping[str, Measurement]:
        arms = arms_to_judge(self.status)
        if arms is None or self.status.evidence is None:
            return {}
        # An edited status may name a window long before the first one.
        after = max(self.status.evidence.window, min(self.counts, default=0) - 1)
        through = floor(self.now.timestamp() / TICK) - 1
        if self.prometheus == "down":
            return {gate.name: SourceDown("connection refused") for gate in self.spec.gates}
        if self.prometheus == "empty":
            return {gate.name: NoData("no scrapes", through) for gate in self.spec.gates}
        keys = arms.champion.hash, arms.challenger.hash
        served = [i for i in range(after + 1, through + 1) if self.counts.get(i, {}).keys() >= set(keys)]

        def measured(gate: Gate) -> Measurement:
            if gate.mean:
                return Summed(tuple(SumWindow(i, *(self._sum(i, key) for key in keys)) for i in served), through)
            if gate.drift:
                return Bucketed(
                    tuple(BucketWindow(i, *(self._classes(i, key) for key in keys)) for i in served), through
                )
            return Counted(tuple(Window(i, Block(*(self.counts[i][key] for key in keys))) for i in served), through)

        return {gate.name: measured(gate) for gate in self.spec.gates}

    def _sum(self, window: int, key: str) -> ArmSum:
        """The losses of a version's answers in a window, each time the same."""
        requests = self.counts[window][key].total
        mean = self.losses.get(self.bentos[key], 1.0)
        return ArmSum(requests, Random(f"{window} {key}").gauss(mean * requests, requests**0.5))

    def _classes(self, window: int, key: str) -> tuple[int, ...]:
        """The same for the classes of the answers."""
        shares = self.classes.get(self.bentos[key], (0.5, 0.3, 0.2))
        drawn = Random(f"{window} {key}").choices(range(len(shares)), shares, k=self.counts[window][key].total)
        return tuple(drawn.count(bucket) for bucket in range(len(shares)))
