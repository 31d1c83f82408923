"""What a decision needs to know, taken from the objects of a ModelRollout and from its metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import floor

from modelrollout.api.commands import commands_in
from modelrollout.api.identity import bento_version
from modelrollout.api.rollout import ModelRollout
from modelrollout.kube.observe import names_of_pods_ready_since, ready_pod_names, version_observations
from modelrollout.kube.ownership import Owner
from modelrollout.kube.world import World
from modelrollout.metrics.arms import arms_for
from modelrollout.metrics.source import Arms, MetricsSource
from modelrollout.metrics.windows import SCRAPED_AFTER_WINDOWS
from modelrollout.ports import DEPLOYMENT, POD
from modelrollout.rollout.comparison import arms_to_judge
from modelrollout.rollout.measurements import Measurement
from modelrollout.rollout.observation import Observation, RouteObservation, VersionObservation
from modelrollout.rollout.revisions import served, served_formerly
from modelrollout.rollout.settings import Settings
from modelrollout.runtime.understanding import Understood
from modelrollout.traffic.router import Router


@dataclass(frozen=True, slots=True)
class Observer:
    """Observes ModelRollouts. container_logs: whether what containers print may be told. `now` gives aware times."""

    metrics: MetricsSource
    settings: Settings
    container_logs: bool
    now: Callable[[], datetime]

    async def observe(
        self,
        owner: Owner,
        understood: Understood,
        world: World,
        router: Router,
        configuration: Mapping[str, str],
        apply_problem: str,
    ) -> Observation:
        """Everything a decision needs to know.

        configuration: as in the observation. apply_problem: what kept the last plan from being carried out, empty if
        nothing did.
        """
        rollout = understood.rollout
        versions, route = self.seen(owner, rollout, world, router)
        return self._with_predecessor(
            understood,
            Observation(
                versions=versions,
                route=route,
                measurements=await self._measure(owner, rollout, world),
                champion_halves=await self._measure_champion(owner, rollout, world),
                commands=commands_in(rollout.metadata.annotations),
                apply_problem=apply_problem,
                status_problem=rollout.status_problem,
                configuration=configuration,
                served_before=understood.served_before,
            ),
        )

    def _with_predecessor(self, understood: Understood, observation: Observation) -> Observation:
        """The observation with what an earlier ModelRollout of this name left, if this one has decided nothing yet."""
        predecessor = understood.predecessor
        if predecessor is None:
            return observation
        former = served_formerly(understood.rollout.spec, observation)
        return replace(
            observation,
            found=tuple(replace(found, version=served(found.version, former)) for found in predecessor.found),
            quarantine=tuple(served(entry, former) for entry in predecessor.quarantine),
        )

    def seen(
        self, owner: Owner, rollout: ModelRollout, world: World, router: Router
    ) -> tuple[Mapping[str, VersionObservation], RouteObservation]:
        """The pods and the traffic, as far as the objects say."""
        deployments = filter(owner.owns, world.of(DEPLOYMENT))
        versions = version_observations(deployments, world.of(POD), self.now(), logs=self.container_logs)
        return versions, router.observe(world.find(router.kind, owner.name), rollout.spec.traffic)

    async def _measure(self, owner: Owner, rollout: ModelRollout, world: World) -> Mapping[str, Measurement]:
        comparison = arms_to_judge(rollout.status)
        if comparison is None or rollout.status.evidence is None:
            return {}
        scraped_by_now = self.now() - timedelta(seconds=SCRAPED_AFTER_WINDOWS * self.settings.scrape_interval)
        arms = arms_for(owner.namespace, owner.name, comparison, rollout.spec.baseline)
        return await self.metrics.measure(
            rollout.spec.measured_gates,
            replace(arms, serving=names_of_pods_ready_since(world.of(POD), scraped_by_now)),
            after=rollout.status.evidence.window,
            now=self.now().timestamp(),
        )

    async def _measure_champion(self, owner: Owner, rollout: ModelRollout, world: World) -> Mapping[str, Measurement]:
        """The champion's pods compared with each other, while the challenger is about to get its first weight."""
        status, now = rollout.status, self.now().timestamp()
        if status.champion is None or status.challenger is None or status.evidence is not None:
            return {}
        pods = ready_pod_names(world.of(POD), status.champion.hash)
        if not pods or not ready_pod_names(world.of(POD), status.challenger.hash):
            return {}
        return await self.metrics.measure(
            [gate for gate in rollout.spec.gates if gate.proportion],
            Arms.of_one_version(owner.namespace, pods, bento_version(status.champion.bento)),
            after=floor(now / self.settings.scrape_interval) - self.settings.history_windows,
            now=now,
        )
