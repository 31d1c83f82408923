"""The source against a real Prometheus that scrapes real endpoints: what was sent is what is counted."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.scraped import (
    ARMS,
    ERRORS,
    SETTINGS,
    Count,
    Pod,
    Prometheus,
    counts,
    look,
    until,
    until_counted,
)

from modelrollout.api.gates import Gate
from modelrollout.evidence.counts import Block
from modelrollout.evidence.mean import ArmSum
from modelrollout.metrics.prometheus.client import PrometheusClient
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.source import Arms
from modelrollout.rollout.measurements import BadQuery, Bucketed, Counted, Evaluated, NoData, Point, SourceDown, Summed


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
    with closing(PrometheusSource(PrometheusClient(prometheus.url, timeout=10), SETTINGS)) as source:
        yield source


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


async def warm_up(source: PrometheusSource, gate: Gate, champion: Pod) -> None:
    """Let the champion answer a request, which is no news to what is counted from then on."""
    champion.answer(1)
    answered = int(time.time()) + 2
    await until(source, ERRORS, Counted, lambda counted: counted.through >= answered)
    await until(source, gate, Counted, lambda counted: "champion" not in counted.note)


@pytest.mark.parametrize(
    ("kind", "cold", "warm", "errors"),
    [
        ({"latency": {"threshold": "250ms", "warmUp": "3s"}}, {"seconds": 0.6}, {"seconds": 0.6}, 0),
        ({"errorRate": {"warmUp": "3s"}}, {"code": 500}, {"code": 503}, 6),
    ],
    ids=["slowly", "with an error"],
)
async def test_what_a_pod_answers_badly_while_it_warms_up_is_left_out(
    source: PrometheusSource,
    champion: Pod,
    challenger: Pod,
    kind: dict[str, Any],
    cold: dict[str, Any],
    warm: dict[str, Any],
    errors: int,
) -> None:
    gate = Gate.model_validate({"name": "warm", **kind})
    await warm_up(source, gate, champion)
    challenger.stop()
    challenger.start()
    count = Count(source, [ERRORS, gate])
    await count.begin()
    challenger.answer(5, **cold)
    await count.catch_up()
    none_warm = await until(source, gate, Counted, lambda counted: "challenger" in counted.note)
    await until(source, gate, Counted, lambda counted: not counted.note)
    await count.catch_up()
    champion.answer(10)
    challenger.answer(20)
    challenger.answer(1, **warm)
    await count.catch_up()

    assert none_warm.note == "no challenger pod is warm yet: each is counted from 3 s after its first request on"
    assert count.total("errors").challenger == counts(26, errors)
    assert count.total("warm") == Block(counts(10, 0), counts(21, 1))


async def test_a_label_endpoint_of_the_target_does_not_hide_the_one_of_bentoml(
    tmp_path: Path, champion: Pod, challenger: Pod
) -> None:
    gates = [ERRORS, Gate.model_validate({"name": "predict", "errorRate": {"endpoints": "/pred.*", "codes": "404"}})]
    with (
        Prometheus(tmp_path, [champion, challenger], target_labels={"endpoint": "http"}) as prometheus,
        closing(PrometheusSource(PrometheusClient(prometheus.url, timeout=10), SETTINGS)) as source,
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
    gates = [
        ERRORS,
        share("wrong", bad='outcomes_total{correct="false"}'),
        share("right", good='outcomes_total{correct=~".+"}'),
    ]
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


async def test_a_label_that_arrives_late_counts_for_the_version_that_it_names(
    source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    arms = replace(ARMS, champion_version="v1", challenger_version="v2")
    share_of_known = {"total": "known_total", "bad": 'known_total{correct="false"}', "cohortLabel": "version"}
    gate = Gate.model_validate({"name": "known", "share": share_of_known})
    mislabelled = Gate.model_validate({"name": "known", "share": {**share_of_known, "cohortLabel": "release"}})
    since = (await until_counted(source)).through
    unknown = await until(source, gate, NoData, since=since, arms=arms)
    champion.known.labels("v1", "true").inc()
    unnamed = await until(source, gate, Counted, lambda counted: bool(counted.windows), since, arms)
    unlabelled = await until(source, mislabelled, NoData, since=since, arms=arms)
    count = Count(source, [gate], arms)
    await count.begin()
    champion.known.labels("v1", "false").inc(2)
    champion.known.labels("v2", "true").inc(30)
    champion.known.labels("v2", "false").inc(3)
    challenger.known.labels("v1", "true").inc(40)
    challenger.known.labels("v0", "false").inc(50)
    await count.catch_up()

    assert unknown.message.endswith("expose no known_total: is its name right, and has a pod counted anything yet?")
    assert unnamed.note == 'no pod has counted any known_total with version="v2"'
    assert unlabelled.message == "known_total has no label release"
    assert count.total("known") == Block(counts(42, 2), counts(33, 3))


async def test_beside_a_baseline_a_label_counts_that_a_pod_of_the_champion_was_told(
    source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    """The champion's pod serves beside the arms here. For other gates the baseline has no pods."""
    champion.known.labels("m1", "true").inc()
    challenger.known.labels("v2", "true").inc()
    versions = {"champion_version": "m1", "challenger_version": "v2"}
    arms = Arms("ml", "baseline-[0-9]+", ARMS.challenger_pods, "baseline", other_pods=ARMS.champion_pods, **versions)
    selectors = {"total": "known_total", "bad": 'known_total{correct="false"}'}
    gate = Gate.model_validate({"name": "known", "share": {**selectors, "cohortLabel": "version"}})
    error = {"sum": "squared_error_sum", "count": "squared_error_count", "cohortLabel": "version", "maxDegradation": 1}
    count = Count(source, [gate, Gate.model_validate({"name": "error", "mean": error})], arms)
    await count.begin()
    await count.catch_up()
    before = count.total("known")
    champion.known.labels("m1", "false").inc(4)
    champion.known.labels("v2", "true").inc(30)
    champion.errors.labels("v2").observe(2.25)
    await count.catch_up()
    errors = await until(source, ERRORS, NoData, arms=arms)

    assert count.total("known") == before + Block(counts(4, 4), counts(30, 0))
    assert count.sums("error") == (ArmSum(), ArmSum(1, 2.25))
    assert errors.message.startswith("no scrapes of baseline pods")


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


async def test_a_sum_that_falls_is_no_reset(source: PrometheusSource, champion: Pod, challenger: Pod) -> None:
    profit = Gate.model_validate(
        {
            "name": "profit",
            "mean": {"sum": "profit_sum", "count": "profit_count", "better": "Higher", "minImprovement": 0},
        }
    )
    count = Count(source, [ERRORS, profit])
    await count.begin()
    champion.profits.observe(10.25)
    challenger.profits.observe(4)
    challenger.profits.observe(2)
    for _ in range(6):
        challenger.profits.observe(0)
    await count.catch_up()
    champion.profits.observe(-20.5)
    challenger.stop()
    challenger.start()
    challenger.profits.observe(-1.5)
    await count.catch_up()

    assert count.sums("profit") == (ArmSum(2, -10.25), ArmSum(9, 4.5))


async def test_an_error_that_is_known_late_counts_for_the_version_that_it_names(
    source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    arms = replace(ARMS, champion_version="v3", challenger_version="v4")
    counters = {"sum": "squared_error_sum", "count": "squared_error_count", "cohortLabel": "version"}
    gate = Gate.model_validate({"name": "error", "mean": {**counters, "maxDegradation": 1}})
    since = (await until_counted(source)).through
    champion.errors.labels("v3").observe(0)
    # What is counted from here on must not hold this one.
    unnamed = await until(
        source, gate, Summed, lambda summed: any(w.champion.count for w in summed.windows), since, arms
    )
    count = Count(source, [ERRORS, gate], arms)
    await count.begin()
    champion.errors.labels("v3").observe(0.25)
    champion.errors.labels("v4").observe(4)
    challenger.errors.labels("v4").observe(1.5)
    challenger.errors.labels("v0").observe(100)
    await count.catch_up()

    assert unnamed.note == 'no pod has counted any squared_error_count with version="v4"'
    assert count.sums("error") == (ArmSum(1, 0.25), ArmSum(2, 5.5))


async def test_a_mean_needs_both_of_its_counters(source: PrometheusSource) -> None:
    gate = Gate.model_validate(
        {"name": "profit", "mean": {"sum": "prophet_sum", "count": "profit_count", "maxDegradation": 1}}
    )
    since = (await until_counted(source)).through

    measured = await until(source, gate, NoData, since=since)

    assert "are scraped but expose no prophet_sum: is its name right" in measured.message


async def test_predictions_are_counted_by_bucket_of_a_label_and_of_a_histogram(
    source: PrometheusSource, champion: Pod, challenger: Pod
) -> None:
    gates = [
        drift("digits", counter="predictions_total", label="digit", values=["1", "2"]),
        drift("scores", histogram="score", boundaries=[0.9, -0.5, 0.1]),
        drift("misspelt", counter="predictions_total", label="digit", values=["one", "two"]),
        drift("unknown", histogram="score", boundaries=[0.7]),
    ]
    since = (await until_counted(source)).through
    for pod in (champion, challenger):
        pod.predictions.labels("1").inc()
    await until(source, gates[0], Bucketed, lambda bucketed: bool(bucketed.windows), since)
    count = Count(source, [ERRORS, *gates])
    await count.begin()
    challenger.predictions.labels("3").inc(4)
    challenger.predictions.labels("2").inc(3)
    challenger.predictions.labels("7").inc(2)
    champion.predictions.labels("1").inc(6)
    for score in (-0.5, 0.05, 0.1, 0.5, 0.91, 0.99):
        challenger.scores.observe(score)
    await count.catch_up()
    last = await count.look()

    assert count.buckets("digits") == ([6, 0, 0], [0, 3, 6])
    assert count.buckets("scores") == ([0, 0, 0, 0], [1, 2, 1, 2])
    assert last["misspelt"].message == (
        "no pod has counted anything with the values of the label digit so far: there is 1, 2, 3, 7"
    )
    assert last["unknown"].message == ("the boundary 0.7 lies within a histogram bucket, which goes from 0.5 to 0.9")


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
        "no histogram bucket ends at or above the threshold of 5 s in every pod: the last boundary that they share is "
        "1 s"
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
        ('p99(quality{pod=~"{{pods}}"})', "unknown function with name 'p99'"),
        ('quality{pod=~"{{pods}}"} # {{pods}}\n or vector(1)', "aggregate them"),
        ('quality{pod=~"{{pods}}"}[5m]', 'invalid expression type "range vector" for range query'),
        ('quality{pod=~"({{pods}}"}', "illegal regex for (churn-a-"),
    ],
)
async def test_what_is_wrong_with_a_query_is_told(source: PrometheusSource, expression: str, message: str) -> None:
    measured = await until(source, query(expression), BadQuery)

    assert message in measured.message


def share(name: str, **part: str) -> Gate:
    return Gate.model_validate({"name": name, "share": {"total": "outcomes_total", **part}})


def drift(name: str, **members: object) -> Gate:
    return Gate.model_validate({"name": name, "drift": members})


def query(expression: str) -> Gate:
    return Gate.model_validate({"name": "custom", "query": {"expression": expression, "max": 1}})
