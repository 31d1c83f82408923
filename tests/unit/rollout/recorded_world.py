"""A world whose decisions are recorded, as the operator records them."""

from dataclasses import dataclass, field

from tests.unit.rollout.world import World

from modelrollout.api.rollout import KIND, ModelRollout, ObjectMeta
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.plan import Plan
from modelrollout.rollout.recording import Record


@dataclass
class RecordedWorld(World):
    records: list[Record] = field(default_factory=list)
    _observed: Observation = field(default_factory=Observation)

    def observe(self) -> Observation:
        self._observed = super().observe()
        return self._observed

    def step(self, crash: str = "none") -> Plan:
        rollout = ModelRollout(
            api_version="modelrollout.io/v1alpha1",
            kind=KIND,
            metadata=ObjectMeta(name="churn", namespace="ml", generation=self.generation),
            spec=self.spec,
            status=self.status,
        )
        plan = super().step(crash)
        self.records.append(Record.of(rollout, self._observed, self.settings, self.now, plan))
        return plan
