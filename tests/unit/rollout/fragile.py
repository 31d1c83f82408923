"""A world whose versions can lose all their pods, and whose gateway can hang."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import floor

from tests.unit.rollout.world import TICK, World, spec

from modelrollout.rollout.comparison import arms_to_judge
from modelrollout.rollout.measurements import Measurement, NoData
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.plan import Plan


@dataclass
class Fragile(World):
    """down: bentos without ready pods, which are not scraped either. hung: what a hanging gateway still does."""

    down: set[str] = field(default_factory=set)
    hung: Mapping[str, int] | None = None

    def ready(self, key: str) -> int:
        return 0 if self.bentos[key] in self.down else super().ready(key)

    def observe(self) -> Observation:
        seen = super().observe()
        return seen if self.hung is None else replace(seen, route=replace(seen.route, settled=False))

    def served(self) -> int:
        """Percent of the traffic that reaches a version with ready pods."""
        return sum(weight for key, weight in self.routed.items() if key in self.pods and self.ready(key))

    @property
    def routed(self) -> Mapping[str, int]:
        """Percent of the traffic by version hash, as the gateway sends it."""
        return self.weights if self.hung is None else self.hung

    def hang(self) -> None:
        """From now on the gateway takes over no change."""
        self.hung = dict(self.weights)

    def message(self) -> str:
        return next(condition.message for condition in self.status.conditions if condition.type == "Ready")

    def _serve(self) -> None:
        written, self.weights = self.weights, self.routed
        super()._serve()
        self.weights = written
        counted = self.counts[self._window()]
        for key in [key for key in counted if self.bentos[key] in self.down]:
            del counted[key]

    def _window(self) -> int:
        return floor(self.now.timestamp() / TICK) - 1

    def _measurements(self) -> Mapping[str, Measurement]:
        found, comparison = super()._measurements(), arms_to_judge(self.status)
        recent = [self.counts.get(index, {}) for index in range(self._window() - 2, self._window() + 1)]
        scraped = {key for counts in recent for key in counts}
        if comparison and {comparison.champion.hash, comparison.challenger.hash} - scraped:
            return {gate.name: NoData("up is 0 for the pods", self._window()) for gate in self.spec.gates}
        return found


@dataclass
class Written(Fragile):
    """A world in which only a significant status is written. problem: what keeps all pods from getting ready."""

    problem: str = ""
    writes: int = 0

    def observe(self) -> Observation:
        seen = super().observe()
        versions = {key: replace(found, problem=self.problem) for key, found in seen.versions.items()}
        return replace(seen, versions=versions)

    def look(self, crash: str = "none") -> Plan:
        before = self.status
        plan = super().look(crash)
        if plan.significant:
            self.writes += 1
        else:
            self.status = before
        return plan


def rolling_out(seconds: float = 30, **changes: object) -> Fragile:
    """churn:v2 has its first weights beside churn:v1."""
    world = Fragile(**changes)  # type: ignore[arg-type]
    world.run(60)
    world.apply(world.spec.model_copy(update={"model": spec("churn:v2").model}))
    world.run(seconds)
    return world
