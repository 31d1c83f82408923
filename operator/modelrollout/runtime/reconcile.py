"""One reconcile: read the world, decide, write down what was decided, carry it out."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from time import monotonic

from modelrollout.api.parsing import salvage_status
from modelrollout.api.status import Status
from modelrollout.api.validation import Problem
from modelrollout.kube.apply import Applier
from modelrollout.kube.configuration import READ_SECONDS, ConfigurationReader, references
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.manifests import CHILD_KINDS
from modelrollout.kube.ownership import Owner
from modelrollout.kube.snapshots import Snapshot, Snapshots
from modelrollout.kube.world import read_world
from modelrollout.metrics.source import MetricsSource
from modelrollout.ports import (
    CONTROLLER_REVISION,
    MODEL_ROLLOUT,
    POD,
    Conflict,
    Forbidden,
    Invalid,
    KubeClient,
    KubeError,
    Manifest,
    Unavailable,
)
from modelrollout.rollout.conditions import invalid_status, undecided_status
from modelrollout.rollout.news import says_something_new
from modelrollout.rollout.plan import Plan
from modelrollout.runtime.deciding import FAULT_SECONDS, Decider
from modelrollout.runtime.decision_log import DecisionLog
from modelrollout.runtime.faults import describe_fault, reason_of, report_fault
from modelrollout.runtime.observing import Observer
from modelrollout.runtime.placing import Placer
from modelrollout.runtime.queue import Key
from modelrollout.runtime.revising import Reviser, followed
from modelrollout.runtime.settings import OperatorSettings
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.understanding import Understood, understand
from modelrollout.traffic.registry import RouterRegistry
from modelrollout_contract.objects import ROLLOUT_LABEL

_LOG = logging.getLogger(__name__)

SHOW_SECONDS = 1.0
"""Until a refusal that is new is shown in the status."""

RETRY_SECONDS = 15.0
"""Until what stood in the way is tried again, at the latest."""

KEEP_SECONDS = 3600.0
"""For so long the snapshot of a ModelRollout that was deleted is kept."""


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Reconciles one ModelRollout at a time; safe to call for different ones at once.

    Keeps nothing that matters between calls: every call starts from the API server and the metrics. `problems` only
    lets the next status say what the API server refused, `uids` what to forget of a ModelRollout that is
    gone, `gone` since when it is.
    """

    client: KubeClient
    applier: Applier
    snapshots: Snapshots
    recorder: EventRecorder
    routers: RouterRegistry
    metrics: MetricsSource
    telemetry: Telemetry
    settings: OperatorSettings
    log: DecisionLog | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    problems: dict[str, str] = field(default_factory=dict)
    uids: dict[Key, str] = field(default_factory=dict)
    gone: dict[Key, float] = field(default_factory=dict)
    configuration: ConfigurationReader = field(init=False)

    def __post_init__(self) -> None:
        reader = ConfigurationReader(self.client, self.settings.follow_secrets, clock=lambda: self.now().timestamp())
        object.__setattr__(self, "configuration", reader)

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
            return await self._forget(key)
        self.gone.pop(key, None)
        self.uids[key] = manifest["metadata"]["uid"]
        try:
            return await self._look(manifest)
        except (Unavailable, Conflict):
            raise
        except Exception as error:
            await self._report_fault(manifest, error)
            if isinstance(error, KubeError):
                raise
            return FAULT_SECONDS

    async def _look(self, manifest: Manifest) -> float | None:
        understood = await understand(manifest, self.snapshots)
        if isinstance(understood, list):
            await self._report_problems(manifest, understood)
            return None
        return await self._reconcile(manifest, understood)

    async def _forget(self, key: Key) -> float | None:
        """What was made carries owner references: the garbage collector removes it. The snapshot goes an hour later."""
        if uid := self.uids.pop(key, None):
            self.applier.forget(uid)
            self.snapshots.forget(uid)
            self.problems.pop(uid, None)
        self.telemetry.forget(key.namespace, key.name)
        now = monotonic()
        if (passed := now - self.gone.setdefault(key, now)) < KEEP_SECONDS:
            return KEEP_SECONDS - passed
        await self.snapshots.remove(key.namespace, key.name)
        del self.gone[key]
        return None

    async def _report_fault(self, manifest: Manifest, error: Exception) -> None:
        """Say in the status why nothing could be decided."""
        metadata = manifest["metadata"]
        report_fault(f"{metadata['namespace']}/{metadata['name']}", error)
        status, _ = salvage_status(manifest)
        undecided = undecided_status(status, metadata["generation"], *reason_of(error), self.now())
        if says_something_new(undecided, status):
            await self._write_status(manifest, undecided)

    async def _report_problems(self, manifest: Manifest, problems: Sequence[Problem]) -> None:
        """Say what is wrong with a manifest of which no valid version is known; pods and traffic stay as they are."""
        status, _ = salvage_status(manifest)
        invalid = invalid_status(status, manifest["metadata"]["generation"], problems, self.now())
        if invalid != status:
            await self._write_status(manifest, invalid)

    async def _reconcile(self, manifest: Manifest, understood: Understood) -> float | None:
        owner, rollout = Owner.of(manifest), understood.rollout
        router = self.routers.choose(rollout.spec.traffic)
        world = await read_world(
            self.client, owner, by_label=(*CHILD_KINDS, POD, CONTROLLER_REVISION), by_name=(router.kind,)
        )
        observer = Observer(self.metrics, self.settings.decisions, self.settings.container_logs, self.now)
        problem = self.problems.get(owner.uid, "")
        named = references(rollout.spec.serving)
        contents = await self.configuration.read(owner.namespace, named)
        configuration = followed(owner, rollout, world, contents)
        plan = await Decider(observer, self.log).plan(owner, understood, world, router, configuration, problem)
        reviser = Reviser(self.client, self.applier, owner, understood, world, configuration, contents)
        revisions = await reviser.keep(plan.status)
        placer = Placer(self.applier, owner, rollout.spec, router, world, revisions)
        if plan.significant or self._checkpoint_due(plan, rollout.status):
            await self._write_plan(manifest, plan, placer)
        delay = min(plan.requeue_after or inf, READ_SECONDS) if named else plan.requeue_after
        if plan.placement:
            if not await placer.place(plan.placement):
                await reviser.forget(plan.status)
            delay = self._remember(owner, [*placer.refusals, *reviser.refusals], delay)
        await self._announce(owner, plan)
        self.telemetry.saw(rollout.model_copy(update={"status": plan.status}))
        await self._keep(owner, Snapshot.of(understood.spec, plan.status, revisions))
        return delay

    async def _keep(self, owner: Owner, snapshot: Snapshot) -> None:
        """Note what is to outlive the ModelRollout. Nothing else waits for it."""
        try:
            await self.snapshots.keep(owner, snapshot)
        except KubeError as error:
            _LOG.warning("%s/%s: what outlives it was not noted: %s", owner.namespace, owner.name, error)

    def _remember(self, owner: Owner, refusals: Sequence[Exception], delay: float | None) -> float | None:
        """Keep what stood in the way for the next decision to show. Returns seconds until that is due.

        Not raised: judging goes on at its pace, whatever the API server refuses.
        """
        problem = "; ".join(dict.fromkeys(map(describe_fault, refusals)))
        known = self.problems.pop(owner.uid, "")
        if not problem:
            return delay
        self.problems[owner.uid] = problem
        if problem == known:
            return min(delay or RETRY_SECONDS, RETRY_SECONDS)
        for refusal in refusals:
            report_fault(f"{owner.namespace}/{owner.name}", refusal)
        return SHOW_SECONDS

    async def _announce(self, owner: Owner, plan: Plan) -> None:
        for event in plan.events:
            _LOG.info("%s/%s: %s: %s", owner.namespace, owner.name, event.reason, event.message)
            self.telemetry.happened(owner.namespace, owner.name, event)
            await self.recorder.record(owner, event)

    def _checkpoint_due(self, plan: Plan, written: Status) -> bool:
        new, old = plan.status.evidence, written.evidence
        if new is None or old is None:
            return new != old
        return new.window > old.window and (new.at - old.at).total_seconds() >= self.settings.checkpoint_interval

    async def _write_plan(self, manifest: Manifest, plan: Plan, placer: Placer) -> None:
        """Write down what was decided.

        If that is refused or not answered, traffic is still taken away: the next decision, from the status as it was,
        takes it away again. Traffic is given to nobody without a record of it.
        """
        try:
            await self._write_status(manifest, plan.status)
        except (Invalid, Forbidden, Unavailable):
            champion = plan.status.champion
            if plan.placement and champion and placer.takes_away(plan.placement, champion.hash):
                await placer.route(plan.placement)
            raise

    async def _write_status(self, manifest: Manifest, status: Status) -> None:
        """Write the status if the ModelRollout is still as it was read; Conflict if not."""
        metadata = manifest["metadata"]
        selector = f"{ROLLOUT_LABEL}={metadata['name']}"
        await self.client.apply_status(
            {
                "apiVersion": MODEL_ROLLOUT.api_version,
                "kind": MODEL_ROLLOUT.kind,
                "metadata": {key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion")},
                "status": {**status.manifest(), "selector": selector},
            }
        )
