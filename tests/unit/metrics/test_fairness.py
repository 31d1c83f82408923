"""Whatever one tenant's gates ask for, others are judged, and the operator stays within the memory that it may have."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.utils.quantity import parse_quantity
from tests.unit.metrics.served import HUGE, SLOW

from modelrollout.api.gates import Gate
from modelrollout.api.spec import Risk
from modelrollout.metrics.prometheus.client import PrometheusClient
from modelrollout.metrics.prometheus.source import PrometheusSource
from modelrollout.metrics.prometheus.turns import Turns
from modelrollout.metrics.source import Arms
from modelrollout.rollout.gate_set import gate_set
from modelrollout.rollout.judging import assess
from modelrollout.rollout.measurements import Counted, NoData
from modelrollout.rollout.pace import Pace
from modelrollout.rollout.settings import Settings

ROOT = Path(__file__).parents[3]
GOOD = Arms("good-tenant", "champion-[0-9]", "challenger-[0-9]")
ERRORS = Gate.model_validate({"name": "errors", "errorRate": {}})
HUNGRY = [
    ERRORS,
    Gate.model_validate({"name": "huge", "share": {"total": HUGE, "bad": f'{HUGE}{{bad="true"}}'}}),
    *(
        Gate.model_validate(
            {"name": f"slow-{number}", "query": {"expression": f'{SLOW}{{pod=~"{{{{pods}}}}",n="{number}"}}', "max": 1}}
        )
        for number in range(16)
    ),
]


def hungry_arms(number: int) -> Arms:
    return Arms("hungry-tenant", "champion-[0-9]", "challenger-[0-9]", reference=f"champion {number}")


@pytest.fixture
def url() -> Iterator[str]:
    """Of a server in a process of its own, so that only what the operator needs is measured."""
    command = [sys.executable, "-m", "tests.unit.metrics.served"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(30)


def memory(field: str) -> int:
    """Of this process, in bytes: VmRSS now, VmHWM at most."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) * 1024


async def test_a_bad_challenger_is_found_beside_a_tenant_that_asks_for_more_than_there_is(url: str) -> None:
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    with closing(
        PrometheusSource(PrometheusClient(url, timeout=5), Settings(scrape_interval=1, scrape_lag=0.5), seconds=15)
    ) as source:

        def measure(gates: list[Gate], arms: Arms) -> "asyncio.Task[Any]":
            now = time.time()
            return asyncio.create_task(source.measure(gates, arms, after=int(now) - 30, now=now))  # type: ignore[arg-type]

        hungry = [measure(HUNGRY, hungry_arms(number)) for number in range(8)]
        await asyncio.sleep(0.5)
        judged = await measure([ERRORS], GOOD)

        assert not all(task.done() for task in hungry)
        tests = gate_set((ERRORS,), Risk(), 1, 1000)
        assessment = assess(tests, (), judged, through=0, data_expected_from=0, pace=Pace(10, 0.1))
        assert "errors failed" in assessment.failure

        for of_rollout in await asyncio.gather(*hungry):
            assert isinstance(of_rollout["errors"], Counted)
            assert isinstance(of_rollout["huge"], NoData)
            assert isinstance(of_rollout["slow-0"], NoData)

    limit = yaml.safe_load((ROOT / "charts/modelrollout/values.yaml").read_text())["resources"]["limits"]["memory"]
    # Without a rollout the operator needs about 100 MiB.
    assert memory("VmHWM") - before < parse_quantity(limit) - 160 * 1024**2  # type: ignore[no-untyped-call]


async def test_a_query_that_was_too_slow_is_left_alone_for_a_while(url: str) -> None:
    slow = HUNGRY[-1]
    with closing(
        PrometheusSource(PrometheusClient(url, timeout=0.5), Settings(scrape_interval=1, scrape_lag=0.5), seconds=1.5)
    ) as source:
        first, second = [(await source.measure([slow], GOOD, after=None, now=time.time()))[slow.name] for _ in range(2)]

    assert isinstance(first, NoData)
    assert "the query is too slow: Prometheus at 127.0.0.1" in first.message
    assert isinstance(second, NoData)
    assert second.message == "the query was too slow and is asked again in 60 s"


async def test_tenants_take_turns_and_none_takes_all_places() -> None:
    turns = Turns(4, 2)
    admitted: list[str] = []
    leaving = []

    async def enter(tenant: str) -> None:
        leave = await turns.enter(tenant)
        admitted.append(tenant)
        leaving.append(leave)

    tasks = [asyncio.create_task(enter(tenant)) for tenant in ("a", "a", "a", "a", "b", "b", "b", "c")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert admitted == ["a", "a", "b", "b"]

    for _ in range(4):
        leaving.pop(0)()
        await asyncio.sleep(0)
    assert sorted(admitted[4:]) == ["a", "a", "b", "c"]
    assert all(task.done() for task in tasks)


async def test_whoever_no_longer_waits_leaves_the_place_to_others() -> None:
    turns = Turns(1, 1)
    leave = await turns.enter("a")
    impatient = asyncio.create_task(turns.enter("b"))
    waiting = asyncio.create_task(turns.enter("c"))
    await asyncio.sleep(0)

    impatient.cancel()
    leave()

    (await waiting)()
    await turns.enter("a")
