"""The source against a real Prometheus that scrapes real endpoints: what was sent is what is counted."""

import asyncio
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeVar

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from modelrollout.api.gates import Gate
from modelrollout.evidence.counts import EMPTY_BLOCK, ArmCounts, Block
from modelrollout.metrics.prometheus import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import (
    BadQuery,
    Counted,
    Evaluated,
    Measurement,
    NoData,
    Point,
    SourceDown,
    Window,
)
from modelrollout.rollout.settings import Settings
from modelrollout_localcluster import tool_path

SETTINGS = Settings(scrape_interval=1.0, scrape_lag=0.5)
ARMS = Arms("ml", "churn-a-[0-9]+", "churn-b-[0-9]+")
ERRORS = Gate.model_validate({"name": "errors", "errorRate": {}})
LATENCY = Gate.model_validate({"name": "latency", "latency": {"threshold": "250ms"}})
WAIT = 30.0

A = TypeVar("A", bound=Measurement)


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
        self.reviews = Counter("reviews", "What people think of answers", ("verdict",), registry=registry)
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
    """A Prometheus process on the loopback interface that scrapes `pods` every second."""

    directory: Path
    pods: Sequence[Pod]
    target_labels: Mapping[str, str] = field(default_factory=dict)

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
            "scrape_configs": [{"job_name": "models", "static_configs": targets}],
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
                ],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(WAIT)


@pytest.fixture(scope="module")
def champion() -> Iterator[Pod]:
    pod = Pod("churn-a-1")
    yield pod
    pod.stop()


@pytest.fixture(scope="module")
def challenger() -> Iterator[Pod]:
    pod = Pod("churn-b-1")
    yield pod
    pod.stop()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, champion: Pod, challenger: Pod) -> Iterator[Prometheus]:
    with Prometheus(tmp_path_factory.mktemp("prometheus"), [champion, challenger]) as process:
        yield process


@pytest.fixture
def source(prometheus: Prometheus) -> Iterator[PrometheusSource]:
    with closing(PrometheusSource(prometheus.url, SETTINGS)) as source:
        yield source


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


async def until_counted(source: PrometheusSource) -> Counted:
    return await until(source, ERRORS, Counted, lambda counted: bool(counted.windows))


class Count:
    """Looks at a source again and again, as the operator does, and adds up what it counts."""

    def __init__(self, source: PrometheusSource, gates: Sequence[Gate] = (ERRORS, LATENCY)) -> None:
        self._source = source
        self._gates = gates
        self.start = 0
        self._after = 0
        self.windows: dict[str, list[Window]] = {gate.name: [] for gate in gates}

    async def begin(self) -> None:
        """Wait until both arms were scraped; everything from then on is counted."""
        self._after = self.start = (await until_counted(self._source)).windows[-1].index

    async def catch_up(self) -> None:
        """Count all that happened until now."""
        last = int(time.time()) + 2
        deadline = time.monotonic() + WAIT
        while self._after < last:
            assert time.monotonic() < deadline
            await self.look()
            await asyncio.sleep(0.3)

    async def look(self) -> Mapping[str, Measurement]:
        measurements = await self._source.measure(self._gates, ARMS, after=self._after, now=time.time())
        for name, measurement in measurements.items():
            if isinstance(measurement, Counted):
                self.windows[name] += measurement.windows
                self._after = max(self._after, measurement.through)
        return measurements

    def total(self, gate: str) -> Block:
        return sum((window.block for window in self.windows[gate]), EMPTY_BLOCK)


def send(pod: Pod, good: int, bad: int = 0, slow: int = 0) -> threading.Thread:
    """Requests spread over three seconds, in the background."""

    def run() -> None:
        for part in range(10):
            pod.answer(good // 10 + (part < good % 10))
            pod.answer(bad // 10 + (part < bad % 10), code=500)
            pod.answer(slow // 10 + (part < slow % 10), seconds=0.6)
            pod.answer(1, endpoint="/readyz")
            time.sleep(0.3)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def counts(total: int, bad: int) -> ArmCounts:
    return ArmCounts(total, bad)


async def test_everything_that_was_sent_is_counted_once(
    source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    champion.answer(1000)
    count = Count(source)
    await count.begin()

    for thread in [send(champion, good=505, bad=3, slow=20), send(challenger, good=40, bad=17, slow=2)]:
        while thread.is_alive():
            await count.look()
            await asyncio.sleep(0.4)
    await count.catch_up()

    assert count.total("errors") == Block(counts(528, 3), counts(59, 17))
    assert count.total("latency") == Block(counts(528, 20), counts(59, 2))

    again = await look(source, ERRORS, after=count.start)
    assert isinstance(again, Counted)
    last = count.windows["errors"][-1].index
    assert [w for w in again.windows if w.index <= last] == count.windows["errors"]


async def test_a_restart_of_prometheus_loses_nothing(
    prometheus: Prometheus, source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    count = Count(source)
    await count.begin()
    threads = [send(champion, good=100), send(challenger, good=50, bad=5)]
    await asyncio.sleep(1)

    prometheus.stop()
    down = await count.look()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    champion.answer(7)
    prometheus.start()
    challenger.answer(3, code=503)
    await until_counted(source)
    await count.catch_up()

    assert down == dict.fromkeys(
        ["errors", "latency"], SourceDown(f"Prometheus at {prometheus.address} cannot be reached: Connection refused")
    )
    assert count.total("errors") == Block(counts(107, 0), counts(58, 8))


async def test_a_pod_that_restarts_is_counted_from_0(source: PrometheusSource, champion: Pod, challenger: Pod) -> None:
    count = Count(source)
    await count.begin()
    challenger.answer(80)
    challenger.answer(5, code=500)
    await count.catch_up()

    challenger.stop()
    challenger.start()
    challenger.answer(30)
    challenger.answer(2, code=503)
    await count.catch_up()

    assert count.total("errors") == Block(counts(0, 0), counts(117, 7))


async def test_a_label_endpoint_of_the_target_does_not_hide_the_one_of_bentoml(
    tmp_path: Path, champion: Pod, challenger: Pod
) -> None:
    gates = [ERRORS, Gate.model_validate({"name": "predict", "errorRate": {"endpoints": "/pred.*", "codes": "404"}})]
    with (
        Prometheus(tmp_path, [champion, challenger], target_labels={"endpoint": "http"}) as prometheus,
        closing(PrometheusSource(prometheus.url, SETTINGS)) as source,
    ):
        count = Count(source, gates)
        await count.begin()
        challenger.answer(9)
        challenger.answer(4, code=404)
        challenger.answer(2, endpoint="/other")
        challenger.answer(50, endpoint="/livez")
        await count.catch_up()

    assert count.total("errors").challenger == counts(15, 0)
    assert count.total("predict").challenger == counts(13, 4)


async def test_a_share_of_two_counters_of_the_pods_is_counted(
    source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    gates = [ERRORS, share("wrong", bad='outcomes_total{correct="false"}'), share("right", good="outcomes_total")]
    since = (await until_counted(source)).through
    uncounted = await until(source, gates[1], NoData, since=since)
    champion.outcomes.labels("true").inc()
    challenger.outcomes.labels("true").inc()
    unseen = await until(source, gates[1], Counted, lambda counted: bool(counted.windows), since)
    count = Count(source, gates)
    await count.begin()
    await count.catch_up()
    champion.outcomes.labels("true").inc(40)
    champion.outcomes.labels("false").inc(5)
    challenger.outcomes.labels("false").inc(3)
    await count.catch_up()

    assert uncounted.message.endswith(
        "expose no outcomes_total: is its name right, and has a pod counted anything yet?"
    )
    assert unseen.note == 'no pod has counted any outcomes_total{correct="false"}'
    assert count.total("wrong") == Block(counts(45, 5), counts(3, 3))
    assert count.total("right") == Block(counts(45, 0), counts(3, 0))


async def test_a_gate_with_a_fixed_figure_needs_no_counters_of_the_champion(
    source: PrometheusSource, challenger: Pod
) -> None:
    counters = {"total": "reviews_total", "bad": 'reviews_total{verdict="wrong"}'}
    gate = Gate.model_validate({"name": "reviews", "share": counters})
    challenger.reviews.labels("right").inc()
    since = (await until_counted(source)).through
    compared = await until(source, gate, NoData, lambda none: "champion" in none.message, since)

    alone = replace(ARMS, alone=frozenset({"reviews"}))
    fixed = await until(source, gate, Counted, lambda counted: bool(counted.windows), since, alone)

    assert (
        "the champion pods churn-a-[0-9]+ in namespace ml are scraped but expose no reviews_total" in compared.message
    )
    assert {window.block.champion for window in fixed.windows} == {counts(0, 0)}


async def test_a_clock_ahead_of_prometheus_counts_no_window_before_it_was_recorded(source: PrometheusSource) -> None:
    await until_counted(source)
    now = time.time()

    measured = (await source.measure([ERRORS], ARMS, after=int(now) - 5, now=now + 3600))["errors"]

    assert isinstance(measured, Counted)
    assert measured.through <= time.time()


async def test_pods_that_cannot_be_scraped_are_told(source: PrometheusSource, challenger: Pod) -> None:
    since = (await until_counted(source)).through
    challenger.stop()

    measured = await until(source, ERRORS, NoData, since=since + 3)
    challenger.start()

    assert measured.message == (
        "Prometheus fails to scrape the challenger pods churn-b-[0-9]+ in namespace ml (up is 0 for 1 of 1 targets): "
        "its page of targets tells why"
    )


async def test_pods_that_are_not_monitored_are_told(source: PrometheusSource) -> None:
    arms = Arms("ml", "churn-a-[0-9]+", "churn-c-[0-9]+")
    await until_counted(source)

    measured = (await source.measure([ERRORS], arms, after=None, now=time.time()))["errors"]

    assert isinstance(measured, NoData)
    assert measured.message.startswith(
        "no scrapes of challenger pods churn-c-[0-9]+ in namespace ml: are they monitored"
    )


async def test_pods_without_the_metrics_of_bentoml_are_told(source: PrometheusSource, challenger: Pod) -> None:
    challenger.stop()
    challenger.start(probed=False)

    measured = await until(source, ERRORS, NoData, lambda none: "expose" in none.message, int(time.time()) + 3)

    assert measured.message.startswith(
        "the challenger pods churn-b-[0-9]+ in namespace ml are scraped but expose no bentoml_service_request_total"
    )
    challenger.answer(1, endpoint="/readyz")


async def test_a_threshold_beyond_the_buckets_is_told(source: PrometheusSource, challenger: Pod) -> None:
    challenger.answer(1)
    gate = Gate.model_validate({"name": "latency", "latency": {"threshold": "5s"}})

    measured = await until(source, gate, NoData, lambda none: "threshold" in none.message)

    assert measured.message == (
        "no histogram bucket ends at or above the threshold of 5 s in every pod; common boundaries in seconds: "
        "0.1, 0.25, 1"
    )


async def test_a_query_is_evaluated_for_each_arm_at_the_end_of_every_window(
    source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    champion.quality.set(4)
    challenger.quality.set(6)
    since = int(time.time()) + 2
    gate = query('max(quality{namespace="{{namespace}}",pod=~"{{pods}}"})')

    measured = await until(source, gate, Evaluated, lambda evaluated: len(evaluated.points) >= 3, since)

    assert measured.points == tuple(Point(index, 4.0, 6.0) for index in range(since + 1, measured.through + 1))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('sum(quality{pod=~"{{pods}}"}', "unclosed left parenthesis"),
        ('p99(quality{pod=~"{{pods}}"})', 'unknown function with name "p99"'),
        ('quality{pod=~"{{pods}}"} # {{pods}}\n or vector(1)', "aggregate them"),
        ('quality{pod=~"{{pods}}"}[5m]', 'invalid expression type "range vector" for range query'),
        ('quality{pod=~"({{pods}}"}', "missing closing )"),
    ],
)
async def test_what_is_wrong_with_a_query_is_told(source: PrometheusSource, expression: str, message: str) -> None:
    measured = await until(source, query(expression), BadQuery)

    assert message in measured.message


async def test_an_expression_for_endpoints_that_is_none_is_told(source: PrometheusSource) -> None:
    gate = Gate.model_validate({"name": "errors", "errorRate": {"endpoints": "/.{1001}"}})

    measured = await until(source, gate, BadQuery)

    assert "invalid repeat count" in measured.message


def share(name: str, **part: str) -> Gate:
    return Gate.model_validate({"name": name, "share": {"total": "outcomes_total", **part}})


def query(expression: str) -> Gate:
    return Gate.model_validate({"name": "custom", "query": {"expression": expression, "max": 1}})
