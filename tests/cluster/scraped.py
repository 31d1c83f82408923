"""Pods that a real Prometheus scrapes, and what is counted of them."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, start_http_server

from modelrollout.api.gates import Gate
from modelrollout.evidence.counts import EMPTY_BLOCK, ArmCounts, Block
from modelrollout.evidence.mean import ArmSum
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import BucketWindow, Counted, Measurement, SumWindow, Window, Windowed
from modelrollout.rollout.settings import Settings
from modelrollout_localcluster import tool_path

SETTINGS = Settings(scrape_interval=1.0, scrape_lag=0.5)
ARMS = Arms("ml", "churn-a-[0-9]+", "churn-b-[0-9]+")
ERRORS = Gate.model_validate({"name": "errors", "errorRate": {}})
LATENCY = Gate.model_validate({"name": "latency", "latency": {"threshold": "250ms"}})
WAIT = 30.0

A = TypeVar("A", bound=Measurement)


class Scraped(Protocol):
    """Something to scrape under the name of a pod."""

    name: str
    port: int


class Pod:
    """An endpoint with the metrics of a BentoML service."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.start()

    def start(self, *, probed: bool = True) -> None:
        """Begin anew, with counters at 0, under the same address. A pod that was probed has answered a request."""
        registry = CollectorRegistry()
        labels = ("endpoint", "http_response_code")
        self._requests = Counter("bentoml_service_request_total", "Requests", labels, registry=registry)
        self._durations = Histogram(
            "bentoml_service_request_duration_seconds", "Durations", labels, registry=registry, buckets=(0.1, 0.25, 1.0)
        )
        self.outcomes = Counter("outcomes", "Labels that arrived", ("correct",), registry=registry)
        self.known = Counter("known", "Labels that arrived, by the version", ("version", "correct"), registry=registry)
        self.reviews = Counter("reviews", "What people think of answers", ("verdict",), registry=registry)
        self.errors = Summary("squared_error", "Of answers, by their version", ("version",), registry=registry)
        self.profits = Summary("profit", "What an answer earned, or lost", registry=registry)
        self.predictions = Counter("predictions", "Answers by what they say", ("digit",), registry=registry)
        self.scores = Histogram("score", "How sure answers are", registry=registry, buckets=(-0.5, 0.1, 0.5, 0.9))
        self.quality = Gauge("quality", "Something of the user's", registry=registry)
        if probed:
            self.answer(1, endpoint="/readyz")
        self._server, self._thread = start_http_server(self.port, "127.0.0.1", registry)
        self.port = self._server.server_port

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, times: int, code: int = 200, *, seconds: float = 0.01, endpoint: str = "/predict") -> None:
        for _ in range(times):
            self._requests.labels(endpoint, code).inc()
            self._durations.labels(endpoint, code).observe(seconds)


@dataclass
class Prometheus:
    """A Prometheus process on the loopback interface that scrapes `pods` every second.

    options: further ones of the scrape configuration. flags: of the process.
    """

    directory: Path
    pods: Sequence[Scraped]
    target_labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    flags: Sequence[str] = ()

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{self.address}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        targets = [
            {
                "targets": [f"127.0.0.1:{pod.port}"],
                "labels": {"namespace": "ml", "pod": pod.name, **self.target_labels},
            }
            for pod in self.pods
        ]
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "models", "static_configs": targets, **self.options}],
        }
        file = self.directory / "prometheus.yaml"
        file.write_text(yaml.safe_dump(configuration))
        with (self.directory / "log").open("a") as log:
            self._process = subprocess.Popen(
                [
                    tool_path("prometheus"),
                    f"--config.file={file}",
                    f"--storage.tsdb.path={self.directory / 'data'}",
                    f"--web.listen-address={self.address}",
                    *self.flags,
                ],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(WAIT)


async def look(source: PrometheusSource, gate: Gate, after: int | None = None, arms: Arms = ARMS) -> Measurement:
    return (await source.measure([gate], arms, after=after, now=time.time()))[gate.name]


async def until(
    source: PrometheusSource,
    gate: Gate,
    wanted: type[A],
    holds: Callable[[A], bool] = lambda _: True,
    since: int = 0,
    arms: Arms = ARMS,
) -> A:
    """The first measurement of a kind for which something holds, of the windows after `since`, else of this minute."""
    deadline = time.monotonic() + WAIT
    while True:
        measurement = await look(source, gate, after=since or int(time.time()) - 60, arms=arms)
        if isinstance(measurement, wanted) and holds(measurement):
            return measurement
        assert time.monotonic() < deadline, f"still {measurement}"
        await asyncio.sleep(0.2)


async def until_counted(source: PrometheusSource, gate: Gate = ERRORS, arms: Arms = ARMS) -> Counted:
    return await until(source, gate, Counted, lambda counted: bool(counted.windows), arms=arms)


class Count:
    """Looks at a source again and again, as the operator does, and adds up what it counts."""

    def __init__(self, source: PrometheusSource, gates: Sequence[Gate] = (ERRORS, LATENCY), arms: Arms = ARMS) -> None:
        self._source = source
        self._gates = gates
        self._arms = arms
        self.start = 0
        self._after = 0
        self.windows: dict[str, list[Window | SumWindow | BucketWindow]] = {gate.name: [] for gate in gates}

    async def begin(self) -> None:
        """Wait until both arms were scraped; everything from then on is counted."""
        self._after = self.start = (await until_counted(self._source, self._gates[0], self._arms)).windows[-1].index

    async def catch_up(self) -> None:
        """Count all that happened until now."""
        last = int(time.time()) + 2
        deadline = time.monotonic() + WAIT
        while self._after < last:
            assert time.monotonic() < deadline
            await self.look()
            await asyncio.sleep(0.3)

    async def look(self) -> Mapping[str, Measurement]:
        measurements = await self._source.measure(self._gates, self._arms, after=self._after, now=time.time())
        for name, measurement in measurements.items():
            if isinstance(measurement, Windowed):
                self.windows[name] += measurement.windows
                self._after = max(self._after, measurement.through)
        return measurements

    def total(self, gate: str) -> Block:
        return sum((window.block for window in self.windows[gate] if isinstance(window, Window)), EMPTY_BLOCK)

    def sums(self, gate: str) -> tuple[ArmSum, ArmSum]:
        """Of the champion and of the challenger."""
        windows = [window for window in self.windows[gate] if isinstance(window, SumWindow)]
        return sum((w.champion for w in windows), ArmSum()), sum((w.challenger for w in windows), ArmSum())

    def buckets(self, gate: str) -> tuple[list[int], list[int]]:
        """Of the champion and of the challenger."""
        windows = [window for window in self.windows[gate] if isinstance(window, BucketWindow)]
        champion = [sum(bucket) for bucket in zip(*(w.champion for w in windows), strict=True)]
        return champion, [sum(bucket) for bucket in zip(*(w.challenger for w in windows), strict=True)]


def counts(total: int, bad: int) -> ArmCounts:
    return ArmCounts(total, bad)
