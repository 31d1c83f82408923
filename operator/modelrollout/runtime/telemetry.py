"""The operator's own metrics, and its health as the kubelet asks for it."""

from collections import defaultdict
from collections.abc import Callable
from time import time

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from modelrollout.api.rollout import ModelRollout
from modelrollout.rollout.plan import Event
from modelrollout_contract import metrics

_ROLLOUT = ("namespace", "name")


class Telemetry:
    """What the operator reports of itself and of the rollouts, as Prometheus metrics.

    scrape_interval: seconds of a scrape window. clock gives seconds since the epoch.
    """

    def __init__(self, scrape_interval: float = 15.0, clock: Callable[[], float] = time) -> None:
        self.registry = CollectorRegistry()
        self._scrape_interval = scrape_interval
        self._clock = clock
        self._counted: dict[tuple[str, str], float] = {}
        self.reconcile_seconds = Histogram(
            metrics.RECONCILE_SECONDS, "Duration of a reconcile", ["outcome"], registry=self.registry
        )
        self.queue_depth = Gauge(metrics.QUEUE_DEPTH, "ModelRollouts that wait", registry=self.registry)
        self.queue_seconds = Histogram(
            metrics.QUEUE_SECONDS, "Wait of a ModelRollout for its look", registry=self.registry
        )
        Gauge(
            metrics.WINDOW_AGE_SECONDS, "Since the end of the newest window that is counted", registry=self.registry
        ).set_function(self._window_age)
        self._events = Counter(
            metrics.EVENTS, "Decisions and events by reason", [*_ROLLOUT, "reason"], registry=self.registry
        )
        self._weight = Gauge(
            metrics.CHALLENGER_WEIGHT_PERCENT, "Weight of the challenger", _ROLLOUT, registry=self.registry
        )
        self._info = Gauge(
            metrics.INFO, "1 for the phase that holds", [*_ROLLOUT, "phase", "champion"], registry=self.registry
        )
        self._phases: dict[tuple[str, str], tuple[str, str]] = {}
        self._reasons: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def saw(self, rollout: ModelRollout) -> None:
        """Report where a ModelRollout stands."""
        key = (rollout.metadata.namespace, rollout.metadata.name)
        self._weight.labels(*key).set(rollout.status.weight or 0)
        phase = (rollout.status.phase or "", rollout.status.champion.bento if rollout.status.champion else "")
        if (earlier := self._phases.get(key)) and earlier != phase:
            self._info.remove(*key, *earlier)
        self._phases[key] = phase
        if rollout.status.evidence:
            self._counted[key] = (rollout.status.evidence.window + 1) * self._scrape_interval
        else:
            self._counted.pop(key, None)
        self._info.labels(*key, *phase).set(1)

    def happened(self, namespace: str, name: str, event: Event) -> None:
        """Count an event."""
        self._reasons[namespace, name].add(event.reason)
        self._events.labels(namespace, name, event.reason).inc()

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of a ModelRollout that is gone."""
        if phase := self._phases.pop((namespace, name), None):
            self._info.remove(namespace, name, *phase)
            self._weight.remove(namespace, name)
        self._counted.pop((namespace, name), None)
        for reason in self._reasons.pop((namespace, name), ()):
            self._events.remove(namespace, name, reason)

    def _window_age(self) -> float:
        return max(0.0, self._clock() - min(self._counted.values())) if self._counted else 0.0


async def serve(
    telemetry: Telemetry, port: int, healthy: Callable[[], bool], ready: Callable[[], bool]
) -> web.AppRunner:
    """Serve /metrics, /healthz and /readyz (200 or 503) until the runner is cleaned up."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(telemetry.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def probe(check: Callable[[], bool]) -> Callable[[web.Request], "web.Response"]:
        def answer(_: web.Request) -> web.Response:
            return web.Response(text="ok") if check() else web.Response(status=503, text="not ok")

        return answer

    async def healthz(request: web.Request) -> web.Response:
        return probe(healthy)(request)

    async def readyz(request: web.Request) -> web.Response:
        return probe(ready)(request)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
