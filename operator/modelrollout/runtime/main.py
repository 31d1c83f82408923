"""The operator process."""

import asyncio
import logging
import os
import signal
import sys
import uuid
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import kopf

from modelrollout.kube.access import NoAccess, connect
from modelrollout.kube.apply import Applier
from modelrollout.kube.cache import CachedClient, ObjectCache
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.official import OfficialKubeClient
from modelrollout.kube.retry import RetryPolicy
from modelrollout.kube.snapshots import SNAPSHOTS, Snapshots
from modelrollout.kube.transport import FencedTransport
from modelrollout.metrics.permissions import PermittedQueries
from modelrollout.metrics.prometheus.clients import ClientsByNamespace
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.ports import CONTROLLER_REVISION, MODEL_ROLLOUT, KubeClient, KubeError
from modelrollout.runtime.access import WATCHED
from modelrollout.runtime.changes import Changes, may_take_traffic_away
from modelrollout.runtime.decision_log import DecisionLog
from modelrollout.runtime.handlers import build_registry, build_settings
from modelrollout.runtime.leadership import Leadership
from modelrollout.runtime.logs import set_up_logging
from modelrollout.runtime.loop_thread import LoopThread
from modelrollout.runtime.queue import Key, Urgency, WorkQueue
from modelrollout.runtime.reconcile import Reconciler
from modelrollout.runtime.settings import OperatorSettings, parse
from modelrollout.runtime.telemetry import Telemetry, serve
from modelrollout.runtime.watching import Sessions, WatchesBroken
from modelrollout.traffic.registry import all_routers
from modelrollout_contract.objects import ROLLOUT_LABEL

_LOG = logging.getLogger(__name__)

# Resyncs in a row that may be missed before the process counts as stuck.
MISSED_RESYNCS = 3
CHECK_SECONDS = 5.0
LEASE_TIMEOUT = 5.0


def main() -> None:
    """Run until a signal or until the leadership is lost. Exit code 0 only after a signal."""
    settings = parse()
    set_up_logging(settings.log_level)
    try:
        sys.exit(asyncio.run(run(settings)))
    except NoAccess as error:
        sys.exit(f"no API server to talk to: {error}")


async def run(settings: OperatorSettings) -> int:
    """Run the operator in this event loop. Returns the exit code."""
    stopped = asyncio.Event()
    _heed_signals(stopped)
    identity = f"{os.environ.get('HOSTNAME', 'local')}_{uuid.uuid4().hex[:8]}"
    with LoopThread("lease") as lease_thread:
        # An attempt to renew the Lease must not try for longer than the fence holds.
        lease_client = OfficialKubeClient(await connect(), timeout=LEASE_TIMEOUT, retry=RetryPolicy(attempts=2))
        leadership = Leadership(lease_client, settings.lease_namespace, settings.lease_name, identity)
        async with OfficialKubeClient(FencedTransport(await connect(), leadership.remaining)) as client:
            operator = Operator(settings, client, leadership)
            runner = await serve(operator.telemetry, settings.port, healthy=operator.healthy, ready=operator.ready)
            try:
                signalled = 0
                if await _first(stopped.wait(), operator.check()) == signalled:
                    return 0
                if await _first(stopped.wait(), lease_thread.run(leadership.acquire())) == signalled:
                    return 0
                await _first(operator.run(stopped), lease_thread.run(leadership.keep()))
                return 0 if stopped.is_set() else 1
            finally:
                await lease_thread.run(leadership.release())
                await lease_thread.run(lease_client.close())
                await runner.cleanup()


class Operator:
    """kopf's watches, the work queue and the resync, wired together.

    client: lets writes pass only while the leadership is held.
    """

    def __init__(self, settings: OperatorSettings, client: KubeClient, leadership: Leadership) -> None:
        self.telemetry = Telemetry(settings.scrape_interval)
        self._settings = settings
        self._client = client
        self._leadership = leadership
        routers = all_routers(version_header=settings.version_header)
        self._kinds = (MODEL_ROLLOUT, *routers.kinds)
        self._cache = ObjectCache([watched.kind for watched in WATCHED])
        cached = CachedClient(client, self._cache)
        self._reconciler = Reconciler(
            client=cached,
            applier=Applier(cached),
            snapshots=Snapshots(client),
            recorder=EventRecorder(client),
            routers=routers,
            metrics=PermittedQueries(
                PrometheusSource(
                    ClientsByNamespace(
                        settings.prometheus_url,
                        credentials=settings.prometheus_credentials,
                        own=settings.prometheus_of_namespaces,
                    ),
                    settings.decisions,
                ),
                settings.query_gates,
            ),
            telemetry=self.telemetry,
            settings=settings,
            log=DecisionLog(settings.record_dir, settings.record_limit * 9 // 10) if settings.record_dir else None,
        )
        self._queue = WorkQueue(
            self._reconciler.reconcile, settings.workers, self._is_urgent, self.telemetry.queue_seconds.observe
        )
        self.telemetry.queue_depth.set_function(lambda: self._queue.depth)
        self._started = monotonic()
        self._resynced: float | None = None
        self._checked = False

    def _is_urgent(self, key: Key) -> bool:
        rollout = self._cache.get(MODEL_ROLLOUT, key.namespace, key.name)
        return rollout is not None and may_take_traffic_away(rollout)

    def healthy(self) -> bool:
        """False once the resync, which every active replica does, has failed for long: the kubelet then restarts us."""
        if not self._leadership.held:
            return True
        since = self._resynced or self._started
        return monotonic() - since < MISSED_RESYNCS * self._settings.resync_interval + 60

    def ready(self) -> bool:
        """Whether this replica could lead. A standby is ready too: it is there to take over."""
        return self._checked

    async def check(self) -> None:
        """Wait until all that a leader needs is there: a replica that could not lead must not replace one that does."""
        namespaces = self._settings.namespaces or (None,)
        while not self._checked:
            try:
                for kind in self._kinds:
                    for namespace in namespaces:
                        await self._client.list(kind, namespace)
                self._checked = True
            except KubeError as error:
                _LOG.error("not ready: %s (are the CRDs of ModelRollout and Gateway API installed?)", error)
                await asyncio.sleep(CHECK_SECONDS)

    async def run(self, stopped: asyncio.Event) -> None:
        """Work until `stopped` is set. Raises if the watches end: a restart is kopf's designed recovery."""
        # Nothing is decided on half of what there is.
        while not await self._refresh():
            await asyncio.sleep(CHECK_SECONDS)
        await _first(self._watch(stopped), self._queue.run(), self._resync())

    async def _watch(self, stopped: asyncio.Event) -> None:
        namespaces, sessions = self._settings.namespaces, Sessions()
        tasks = await kopf.spawn_tasks(
            registry=build_registry(Changes(self._cache), self._queue.add, sessions),
            settings=build_settings(),
            stop_flag=stopped,
            # kopf would make one up from the user's name, which a numeric user has not.
            identity=self._leadership.identity,  # type: ignore[arg-type]  # a NewType of str that kopf keeps to itself
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
        )
        # kopf has just taken the signals for itself.
        _heed_signals(stopped)
        try:
            await kopf.run_tasks(tasks)
        finally:
            await sessions.close()
        if not stopped.is_set():
            raise WatchesBroken("the watches have ended")

    async def _resync(self) -> None:
        """Look at everything now and then: an event that never came is made good."""
        await self._look_at_departed()
        while True:
            await asyncio.sleep(self._settings.resync_interval)
            await self._refresh()

    async def _look_at_departed(self) -> None:
        """Look at what ModelRollouts left that were deleted while nobody was there."""
        try:
            for namespace in self._settings.namespaces or (None,):
                for snapshot in await self._client.list(CONTROLLER_REVISION, namespace, SNAPSHOTS):
                    metadata = snapshot["metadata"]
                    self._queue.add(Key(metadata["namespace"], metadata["labels"][ROLLOUT_LABEL]))
        except KubeError as error:
            _LOG.warning("what deleted ModelRollouts left stays: %s", error)

    async def _refresh(self) -> bool:
        """Read everything anew, and look at all of it: what a watch has missed is made good. Returns whether it was."""
        namespaces = self._settings.namespaces or (None,)
        try:
            await self._cache.refresh(self._client, namespaces)
        except KubeError as error:
            _LOG.warning("resync: %s", error)
            return False
        for rollout in self._cache.of_kind(MODEL_ROLLOUT):
            self._queue.add(Key(rollout["metadata"]["namespace"], rollout["metadata"]["name"]), Urgency.DUE)
        self._resynced = monotonic()
        return True


def _heed_signals(stopped: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)


async def _first(*coroutines: Coroutine[Any, Any, Any]) -> int:
    """Index of the first coroutine to end; the others are cancelled. Raises what it raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    first = next(index for index, task in enumerate(tasks) if task in done)
    tasks[first].result()
    return first
