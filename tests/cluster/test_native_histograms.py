"""Latencies in native histograms of a real Prometheus, exposed natively or stored so."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.natively import NativePod
from tests.cluster.scraped import LATENCY, SETTINGS, Count, Pod, Prometheus, Scraped, counts, until

from modelrollout.api.gates import Gate
from modelrollout.evidence.counts import Block
from modelrollout.metrics.bentoml import DURATION_BUCKETS
from modelrollout.metrics.prometheus.client import PrometheusClient
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.rollout.measurements import Counted, NoData


def latency(name: str, threshold: str) -> Gate:
    return Gate.model_validate({"name": name, "latency": {"threshold": threshold}})


@contextmanager
def source_of(
    directory: Path, pods: Sequence[Scraped], options: Mapping[str, Any]
) -> Iterator[tuple[PrometheusSource, Prometheus]]:
    with (
        Prometheus(directory, pods, options=options) as prometheus,
        closing(PrometheusSource(PrometheusClient(prometheus.url, timeout=10), SETTINGS)) as source,
    ):
        yield source, prometheus


@pytest.fixture
def native_pods() -> Iterator[tuple[NativePod, NativePod]]:
    champion, challenger = NativePod("churn-a-1", buckets=16), NativePod("churn-b-1", buckets=16)
    yield champion, challenger
    champion.stop()
    challenger.stop()


async def test_a_native_histogram_is_counted_while_its_schema_drops(
    tmp_path: Path, native_pods: tuple[NativePod, NativePod]
) -> None:
    champion, challenger = native_pods
    champion.answer(7, seconds=0.2)
    challenger.answer(7, seconds=0.2)
    half, third = latency("half", "500ms"), latency("third", "300ms")
    with source_of(tmp_path, native_pods, {"scrape_native_histograms": True}) as (source, _):
        count = Count(source, [half, third])
        await count.begin()
        champion.answer(40, seconds=0.2)
        champion.answer(3, seconds=0.9)
        challenger.answer(30, seconds=0.2)
        challenger.answer(4, seconds=0.4)
        challenger.answer(5, seconds=0.9)
        await count.catch_up()
        fine = challenger.schema(), {name: count.total(name) for name in ("half", "third")}

        challenger.answer(1, seconds=0.01)
        challenger.answer(1, seconds=60.0)
        await count.catch_up()
        challenger.answer(6, seconds=0.4)
        await count.catch_up()
        told = await until(source, third, Counted)

    assert fine == (2, {"half": Block(counts(43, 3), counts(39, 5)), "third": Block(counts(43, 3), counts(39, 9))})
    assert challenger.schema() == 0
    assert count.total("half") == Block(counts(43, 3), counts(47, 6))
    # In schema 0 the buckets around 0.3 s end at 0.25 s and 0.5 s.
    assert count.total("third") == Block(counts(43, 3), counts(47, 10))
    assert told.note == (
        "answers slower than 0.5 s are counted: 0.3 s lies within a histogram bucket, 0.25 s and 0.5 s do not"
    )


@pytest.fixture
def classic_pods() -> Iterator[tuple[Pod, Pod]]:
    champion, challenger = Pod("churn-a-1"), Pod("churn-b-1")
    yield champion, challenger
    champion.stop()
    challenger.stop()


async def test_a_classic_histogram_that_is_stored_as_a_native_one_is_counted(
    tmp_path: Path, classic_pods: tuple[Pod, Pod]
) -> None:
    champion, challenger = classic_pods
    options = {"scrape_native_histograms": True, "convert_classic_histograms_to_nhcb": True}
    with source_of(tmp_path, classic_pods, options) as (source, prometheus):
        count = Count(source, [LATENCY])
        await count.begin()
        champion.answer(20)
        champion.answer(2, seconds=0.6)
        challenger.answer(9)
        challenger.answer(4, seconds=0.6)
        await count.catch_up()
        last = count.windows["latency"][-1].index
        with closing(PrometheusClient(prometheus.url, timeout=10)) as client:
            stored = client.labels(f"{{__name__=~'{DURATION_BUCKETS}'}}", (last + 1) * 1000)
        within_buckets = await until(source, latency("slow", "300ms"), Counted, lambda counted: bool(counted.note))
        challenger.answer(1, seconds=7)
        beyond = await until(source, latency("slow", "5s"), NoData, since=last + 5)

    assert stored == []
    assert count.total("latency") == Block(counts(22, 2), counts(13, 4))
    assert within_buckets.note == (
        "answers slower than 1 s are counted: 0.3 s lies within a histogram bucket, 0.25 s and 1 s do not"
    )
    assert beyond.message == (
        "no histogram bucket ends at or above the threshold of 5 s in every pod: the last boundary that they share is "
        "1 s"
    )
