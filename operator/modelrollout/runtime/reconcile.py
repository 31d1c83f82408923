"""One reconcile: read the world, decide, write down what was decided, carry it out."""

import logging
from asyncio import gather
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor
from time import monotonic

from modelrollout.api.commands import commands_in
from modelrollout.api.identity import bento_version, workload_name
from modelrollout.api.parsing import parse_rollout, parse_status
from modelrollout.api.rollout import ModelRollout
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem
from modelrollout.kube.apply import Applier
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.manifests import SERVICE_PORT, build_deployment, build_service
from modelrollout.kube.observe import ready_pod_names, version_observations
from modelrollout.kube.ownership import Owner
from modelrollout.metrics.arms import arms_for
from modelrollout.metrics.source import Arms, MetricsSource
from modelrollout.ports import DEPLOYMENT, MODEL_ROLLOUT, POD, SERVICE, KubeClient, KubeError, Manifest
from modelrollout.rollout.comparison import arms_to_judge
from modelrollout.rollout.conditions import invalid_status
from modelrollout.rollout.decide import decide
from modelrollout.rollout.measurements import Measurement
from modelrollout.rollout.observation import Backend, Observation
from modelrollout.rollout.plan import Placement, Plan
from modelrollout.rollout.recording import Record
from modelrollout.runtime.decision_log import DecisionLog
from modelrollout.runtime.queue import Key
from modelrollout.runtime.settings import OperatorSettings
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.traffic.router import Router

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Reconciles one ModelRollout at a time; safe to call for different ones at once.

    Keeps nothing that matters between calls: every call starts from the API server and the metrics. `problems` only
    lets the next status say what the API server refused, `uids` what to forget of a ModelRollout that is gone.
    """

    client: KubeClient
    applier: Applier
    recorder: EventRecorder
    router: Router
    metrics: MetricsSource
    telemetry: Telemetry
    settings: OperatorSettings
    log: DecisionLog | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    problems: dict[str, str] = field(default_factory=dict)
    uids: dict[Key, str] = field(default_factory=dict)

    async def reconcile(self, key: Key) -> float | None:
        """Bring one ModelRollout forward. Returns seconds until it should be looked at again, or None.

        Raises KubeError if the API server could not be read or written; the next call makes up for it.
        """
        started = monotonic()
        outcome = "error"
        try:
            delay = await self._reconcile_key(key)
            outcome = "ok"
        finally:
            self.telemetry.reconcile_seconds.labels(outcome).observe(monotonic() - started)
        return delay

    async def _reconcile_key(self, key: Key) -> float | None:
        manifest = await self.client.get(MODEL_ROLLOUT, key.namespace, key.name)
        if manifest is None or "deletionTimestamp" in manifest["metadata"]:
            # What was made carries owner references: the garbage collector removes it.
            if uid := self.uids.pop(key, None):
                self.applier.forget(uid)
                self.problems.pop(uid, None)
            self.telemetry.forget(key.namespace, key.name)
            return None
        self.uids[key] = manifest["metadata"]["uid"]
        rollout = parse_rollout(manifest)
        if not isinstance(rollout, ModelRollout):
            await self._report_problems(manifest, rollout)
            return None
        return await self._reconcile(manifest, rollout)

    async def _report_problems(self, manifest: Manifest, problems: Sequence[Problem]) -> None:
        """Say what is wrong with the manifest; pods and traffic stay as they are."""
        status = parse_status(manifest)
        if not isinstance(status, Status):
            raise RuntimeError(f"the status cannot be read: {'; '.join(map(str, status))}")
        invalid = invalid_status(status, manifest["metadata"]["generation"], problems, self.now())
        if invalid != status:
            await self._write_status(manifest, invalid)

    async def _reconcile(self, manifest: Manifest, rollout: ModelRollout) -> float | None:
        owner = Owner.of(manifest)
        world = await self._read(owner)
        observation = Observation(
            versions=version_observations(filter(owner.owns, world.deployments), world.pods, self.now()),
            route=self.router.observe(world.route, rollout.spec.traffic),
            measurements=await self._measure(owner, rollout),
            champion_halves=await self._measure_champion(owner, rollout, world),
            commands=commands_in(manifest["metadata"].get("annotations") or {}),
            apply_problem=self.problems.get(owner.uid, ""),
        )
        now = self.now()
        plan = decide(
            rollout.spec, rollout.metadata.generation, rollout.status, observation, self.settings.decisions, now
        )
        if self.log:
            self.log.append(Record.of(rollout, observation, self.settings.decisions, now, plan))
        if plan.significant or self._checkpoint_due(plan, rollout.status):
            await self._write_status(manifest, plan.status)
        try:
            if plan.placement:
                await self._place(owner, rollout, plan.placement, world)
        finally:
            await self._announce(owner, plan)
            self.telemetry.saw(rollout.model_copy(update={"status": plan.status}))
        return plan.requeue_after

    async def _announce(self, owner: Owner, plan: Plan) -> None:
        for event in plan.events:
            _LOG.info("%s/%s: %s: %s", owner.namespace, owner.name, event.reason, event.message)
            self.telemetry.happened(owner.namespace, owner.name, event)
            await self.recorder.record(owner, event)

    async def _read(self, owner: Owner) -> "_World":
        return _World(
            *await gather(
                self.client.list(DEPLOYMENT, owner.namespace, owner.selector),
                self.client.list(SERVICE, owner.namespace, owner.selector),
                self.client.list(POD, owner.namespace, owner.selector),
                self.client.get(self.router.kind, owner.namespace, owner.name),
            )
        )

    async def _measure(self, owner: Owner, rollout: ModelRollout) -> Mapping[str, Measurement]:
        comparison = arms_to_judge(rollout.status)
        if comparison is None or rollout.status.evidence is None:
            return {}
        return await self.metrics.measure(
            rollout.spec.gates,
            arms_for(owner.namespace, owner.name, comparison, rollout.spec.baseline),
            after=rollout.status.evidence.window,
            now=self.now().timestamp(),
        )

    async def _measure_champion(
        self, owner: Owner, rollout: ModelRollout, world: "_World"
    ) -> Mapping[str, Measurement]:
        """The champion's pods compared with each other, while the challenger is about to get its first weight."""
        status, settings, now = rollout.status, self.settings.decisions, self.now().timestamp()
        if status.champion is None or status.challenger is None or status.evidence is not None:
            return {}
        pods = ready_pod_names(world.pods, status.champion.hash)
        if not pods or not ready_pod_names(world.pods, status.challenger.hash):
            return {}
        return await self.metrics.measure(
            [gate for gate in rollout.spec.gates if gate.proportion],
            Arms.of_one_version(owner.namespace, pods, bento_version(status.champion.bento)),
            after=floor(now / settings.scrape_interval) - settings.history_windows,
            now=now,
        )

    def _checkpoint_due(self, plan: Plan, written: Status) -> bool:
        new, old = plan.status.evidence, written.evidence
        if new is None or old is None:
            return new != old
        return new.window > old.window and (new.at - old.at).total_seconds() >= self.settings.checkpoint_interval

    async def _write_status(self, manifest: Manifest, status: Status) -> None:
        """Write the status if the ModelRollout is still as it was read; Conflict if not."""
        metadata = manifest["metadata"]
        await self.client.apply_status(
            {
                "apiVersion": MODEL_ROLLOUT.api_version,
                "kind": MODEL_ROLLOUT.kind,
                "metadata": {key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion")},
                "status": status.manifest(),
            }
        )

    async def _place(self, owner: Owner, rollout: ModelRollout, placement: Placement, world: "_World") -> None:
        """Pods first, then traffic, and only then remove what has none any more.

        Traffic is set even if pods are refused, since it may be on its way back from a bad version. What the API server
        refuses is shown in the status by the next decision. Raises the first refusal.
        """
        desired, refusals = [], []
        for wanted in placement.versions:
            try:
                for workload in (
                    build_service(owner, wanted.version),
                    build_deployment(owner, rollout.spec, wanted.version, wanted.replicas),
                ):
                    desired.append(workload)
                    await self.applier.apply(owner, workload, world.find(workload))
            except KubeError as error:
                refusals.append(error)
        try:
            route = self.router.build(owner, rollout.spec.traffic, _backends(owner, placement), world.route)
            await self.applier.apply(owner, route, world.route)
            if not refusals:
                await self.applier.prune(owner, [*world.deployments, *world.services], desired)
        except KubeError as error:
            refusals.append(error)
        if refusals:
            self.problems[owner.uid] = "; ".join(map(str, refusals))
            raise refusals[0]
        self.problems.pop(owner.uid, None)


@dataclass(frozen=True, slots=True)
class _World:
    """The objects of one ModelRollout, as just read."""

    deployments: Sequence[Manifest]
    services: Sequence[Manifest]
    pods: Sequence[Manifest]
    route: Manifest | None

    def find(self, wanted: Manifest) -> Manifest | None:
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        objects = self.deployments if kind == DEPLOYMENT.kind else self.services
        return next((found for found in objects if found["metadata"]["name"] == name), None)


def _backends(owner: Owner, placement: Placement) -> list[Backend]:
    return [
        Backend(
            version_hash=wanted.version.hash,
            bento=wanted.version.bento,
            service=workload_name(owner.name, wanted.version.hash),
            port=SERVICE_PORT,
            weight=placement.weights.get(wanted.version.hash, 0),
        )
        for wanted in placement.versions
    ]
