"""Requests to all pods as their weights split them, on one endpoint that a real Prometheus scrapes."""

import time
from collections import defaultdict
from dataclasses import dataclass, field

from aiohttp import web

from modelrollout.ports import Manifest

RATE = 20.0
"""Requests a second to each ModelRollout."""
BAD = 0.01
"""Share of requests that fail, and share of those that are slow."""
BROKEN = 0.5
"""Share of requests to a version that turned bad that fail."""

_BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf")
_SLOW_FROM = _BOUNDS.index("0.5")
_REQUESTS = (
    'bentoml_service_request_total{{endpoint="/predict",http_response_code="{code}",service_name="churn"}} {count}'
)
_BUCKET = (
    'bentoml_service_request_duration_seconds_bucket{{endpoint="/predict",http_response_code="{code}",'
    'service_name="churn",le="{bound}"}} {count}'
)


@dataclass(slots=True)
class Pod:
    """What a pod has counted up to a moment."""

    rollout: tuple[str, str]
    version: str
    at: float
    requests: float = 0.0
    failed: float = 0.0
    slow: float = 0.0


@dataclass(slots=True)
class Traffic:
    """All pods and how the requests are split among them."""

    pods: dict[tuple[str, str], Pod] = field(default_factory=dict)
    weights: dict[tuple[str, str], dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    broken: set[tuple[str, str]] = field(default_factory=set)
    """Namespace and name of rollouts whose challenger fails half of its requests, and the versions that do."""
    pods_of: dict[tuple[str, str, str], set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    scrapes: int = 0

    def seen(self, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        labels = metadata["labels"]
        key = metadata["namespace"], metadata["name"]
        if key not in self.pods:
            rollout = metadata["namespace"], labels["modelrollout.io/rollout"]
            version = labels["modelrollout.io/version"]
            self.pods[key] = Pod(rollout, version, time.time())
            self.pods_of[*rollout, version].add(key)

    def gone(self, manifest: Manifest) -> None:
        key = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        if pod := self.pods.pop(key, None):
            self.pods_of[*pod.rollout, pod.version].discard(key)

    def routed(self, route: Manifest) -> None:
        """Count what went by the earlier weights, then go on by those of the route."""
        rollout = route["metadata"]["namespace"], route["metadata"]["name"]
        for version in self.weights[rollout]:
            for key in self.pods_of[*rollout, version]:
                self._count(self.pods[key])
        references = route["spec"]["rules"][0].get("backendRefs", ())
        self.weights[rollout] = {ref["name"].rpartition("-")[2]: ref.get("weight", 1) for ref in references}

    def targets(self, address: str) -> list[dict[str, object]]:
        """The pods as Prometheus' HTTP service discovery takes them."""
        return [
            {
                "targets": [address],
                "labels": {"namespace": namespace, "pod": name, "__metrics_path__": f"/pods/{namespace}/{name}"},
            }
            for namespace, name in self.pods
        ]

    def expose(self, namespace: str, name: str) -> str:
        """The metrics of one pod."""
        pod = self.pods[namespace, name]
        self._count(pod)
        self.scrapes += 1
        failed, slow = int(pod.failed), int(pod.slow)
        good = int(pod.requests) - failed
        lines = [_REQUESTS.format(code=200, count=good), _REQUESTS.format(code=500, count=failed)]
        for code, count, late in ((200, good, slow), (500, failed, 0)):
            for index, bound in enumerate(_BOUNDS):
                lines.append(
                    _BUCKET.format(code=code, bound=bound, count=count if index >= _SLOW_FROM else count - late)
                )
        return "\n".join(lines) + "\n"

    def _count(self, pod: Pod) -> None:
        now = time.time()
        weights = self.weights[pod.rollout]
        siblings = len(self.pods_of[*pod.rollout, pod.version]) or 1
        share = weights.get(pod.version, 0) / (sum(weights.values()) or 1) / siblings
        requests = (now - pod.at) * RATE * share
        pod.at = now
        pod.requests += requests
        pod.failed += requests * (BROKEN if (*pod.rollout, pod.version) in self.broken else BAD)
        pod.slow += requests * BAD


async def serve(traffic: Traffic) -> tuple[web.AppRunner, str]:
    """Serve the metrics of every pod and the list of pods on a loopback port. Returns its address too."""
    app = web.Application()
    runner = web.AppRunner(app, access_log=None)

    async def metrics(request: web.Request) -> web.Response:
        pod = request.match_info["namespace"], request.match_info["pod"]
        return web.Response(text=traffic.expose(*pod)) if pod in traffic.pods else web.Response(status=404)

    async def targets(request: web.Request) -> web.Response:
        return web.json_response(traffic.targets(request.host))

    app.add_routes([web.get("/pods/{namespace}/{pod}", metrics), web.get("/targets", targets)])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    return runner, f"{host}:{port}"
