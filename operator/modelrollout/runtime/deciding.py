"""A decision about a ModelRollout, also where it cannot be made as usual."""

from asyncio import to_thread
from collections.abc import Mapping
from dataclasses import dataclass, replace

from modelrollout.api.rollout import ModelRollout
from modelrollout.kube.ownership import Owner
from modelrollout.kube.world import World
from modelrollout.ports import KubeError
from modelrollout.rollout.conditions import invalid_status, undecided_status
from modelrollout.rollout.decide import decide
from modelrollout.rollout.news import says_something_new
from modelrollout.rollout.observation import Observation
from modelrollout.rollout.placement import place
from modelrollout.rollout.plan import Placement, Plan
from modelrollout.rollout.recording import Record
from modelrollout.runtime.decision_log import DecisionLog
from modelrollout.runtime.faults import reason_of, report_fault
from modelrollout.runtime.observing import Observer
from modelrollout.runtime.understanding import Understood
from modelrollout.traffic.router import Router

FAULT_SECONDS = 30.0
"""Until the next decision after one that failed."""


@dataclass(frozen=True, slots=True)
class Decider:
    """Observes and decides. log: where each decision is recorded, if anywhere."""

    observer: Observer
    log: DecisionLog | None

    async def plan(
        self,
        owner: Owner,
        understood: Understood,
        world: World,
        router: Router,
        configuration: Mapping[str, str],
        problem: str,
    ) -> Plan:
        """What to do. configuration, problem: as `Observer.observe` takes them.

        An exception is no reason to do nothing: then it is what was decided before. Raises KubeError.
        """
        rollout = understood.rollout
        try:
            observation = await self.observer.observe(owner, understood, world, router, configuration, problem)
            plan = await self._decide(rollout, observation)
        except KubeError:
            raise
        except Exception as error:
            report_fault(f"{owner.namespace}/{owner.name}", error)
            return self._as_before(owner, rollout, world, router, error)
        return self._with_problems(plan, understood) if understood.problems else plan

    async def _decide(self, rollout: ModelRollout, observation: Observation) -> Plan:
        """Decide in a thread: a backlog of windows must not keep the event loop from renewing the Lease."""
        settings, now = self.observer.settings, self.observer.now()
        generation = rollout.metadata.generation
        plan = await to_thread(decide, rollout.spec, generation, rollout.status, observation, settings, now)
        if self.log:
            self.log.append(Record.of(rollout, observation, settings, now, plan))
        return plan

    def _with_problems(self, plan: Plan, understood: Understood) -> Plan:
        """The plan by the last valid spec, with what is wrong with the present one."""
        rollout, now = understood.rollout, self.observer.now()
        status = invalid_status(plan.status, rollout.metadata.generation, understood.problems, now, judged=True)
        return replace(plan, status=status, significant=says_something_new(status, rollout.status))

    def _as_before(self, owner: Owner, rollout: ModelRollout, world: World, router: Router, error: Exception) -> Plan:
        generation, now = rollout.metadata.generation, self.observer.now()
        status = undecided_status(rollout.status, generation, *reason_of(error), now)
        placement = self._placement_as_before(owner, rollout, world, router)
        return Plan(status, placement, (), FAULT_SECONDS, says_something_new(status, rollout.status))

    def _placement_as_before(
        self, owner: Owner, rollout: ModelRollout, world: World, router: Router
    ) -> Placement | None:
        """Pods and traffic by the status as it is, for the pods that are ready; None if that fails too."""
        if rollout.status.champion is None or rollout.spec.suspend:
            return None
        try:
            versions, route = self.observer.seen(owner, rollout, world, router)
            spec = rollout.spec
            return place(rollout.status, spec.serving.replicas, versions, route, spec.strategy.shadow)
        except Exception as error:
            report_fault(f"{owner.namespace}/{owner.name}", error)
            return None
