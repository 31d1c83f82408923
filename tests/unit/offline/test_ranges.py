"""A range of the past is judged as the operator judged it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

import pytest
from tests.unit.rollout.recorded_world import RecordedWorld
from tests.unit.rollout.world import TICK, spec

from modelrollout.api.gates import Gate
from modelrollout.api.identity import pod_pattern, version_of
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.metrics.prometheus.client import PrometheusClient, SourceFailure
from modelrollout.metrics.source import Arms
from modelrollout.offline.ending import Ending
from modelrollout.offline.errors import OfflineError
from modelrollout.offline.ranges import Judged, arms_of, ending_of_gates, judge_range, past_of_champion
from modelrollout.rollout.measurements import Counted, Measurement, NoData, SourceDown, Window

CHAMPION, CHALLENGER = (version_of(spec(bento).model).hash for bento in ("churn:v1", "churn:v2"))
ARMS = Arms(
    "ml",
    pod_pattern("churn", CHAMPION),
    pod_pattern("churn", CHALLENGER),
    champion_version="v1",
    challenger_version="v2",
)


@dataclass
class Remembered:
    """A source that knows what a world served, and that reads at most `at_once` windows at a time."""

    world: RecordedWorld
    at_once: int = 240
    asked: list[tuple[Arms, int | None, float]] = field(default_factory=list)

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        assert after is not None
        self.asked.append((arms, after, now))
        complete = int((now - self.world.settings.scrape_lag) // TICK) - 1
        through = min(complete, after + self.at_once)
        windows = tuple(
            Window(index, Block(counts[CHAMPION], counts[CHALLENGER]))
            for index in range(after + 1, through + 1)
            if (counts := self.world.counts.get(index, {})).keys() >= {CHAMPION, CHALLENGER}
        )
        return {gate.name: Counted(windows, through) for gate in gates}


@dataclass
class Answering:
    """A source that always gives the same."""

    measurement: Measurement

    async def measure(
        self, gates: Sequence[Gate], arms: Arms, *, after: int | None, now: float
    ) -> Mapping[str, Measurement]:
        return {gate.name: self.measurement for gate in gates}


def lived(error_rate: float) -> tuple[RecordedWorld, datetime]:
    """A world in which churn:v2 was rolled out, and the time of its first weight."""
    world = RecordedWorld(error_rates={"churn:v2": error_rate}, requests_per_second=50.0, dice=Random(3))
    world.run(30)
    world.apply(spec("churn:v2", serving={"requestTimeout": "0s"}))
    world.run(900)
    began = next(
        record.now for record in world.records if "RampStarted" in [event.reason for event in record.outcome.events]
    )
    return world, began


async def judge(world: RecordedWorld, since: datetime, at_once: int = 240) -> list[Judged]:
    judged = []
    until, settings = world.now, world.settings
    async for look in judge_range(
        Remembered(world, at_once), world.spec, ARMS, since=since, until=until, settings=settings
    ):
        judged.append(look)
        if ending_of_gates(look) is not Ending.UNDECIDED:
            break
    return judged


@pytest.mark.parametrize("at_once", [1, 7, 240])
@pytest.mark.parametrize("error_rate", [0.05, 0.2])
async def test_the_gates_fail_in_the_window_in_which_the_operator_rolled_back(error_rate: float, at_once: int) -> None:
    world, began = lived(error_rate)
    last = (await judge(world, began, at_once))[-1]
    rolled_back = next(
        record for record in world.records if "GateFailed" in [event.reason for event in record.outcome.events]
    )
    assert last.index == int(rolled_back.now.timestamp() // TICK) - 1
    assert last.assessment.failure in rolled_back.outcome.events[0].message


async def test_every_verdict_is_the_one_that_the_operator_had() -> None:
    world, began = lived(0.005)
    judged = {look.index: look for look in await judge(world, began)}
    compared = 0
    for record in world.records:
        look = judged.get(int(record.now.timestamp() // TICK) - 1)
        if look and record.outcome.gates and record.now > began:
            recorded = {name: gate.verdict for name, gate in record.outcome.gates.items()}
            assert {gate.name: gate.verdict for gate in look.assessment.gates} == recorded
            compared += 1
    assert compared == len(judged) > 3
    assert ending_of_gates(judged[max(judged)]) is Ending.PROMOTED


async def test_a_source_that_is_down_is_told_and_not_judged() -> None:
    world, began = lived(0.005)
    source = Answering(SourceDown("connection refused"))
    looks = judge_range(source, world.spec, ARMS, since=began, until=world.now, settings=world.settings)
    with pytest.raises(OfflineError, match="connection refused"):
        await anext(looks)


async def test_a_past_without_data_stays_unavailable() -> None:
    world, began = lived(0.005)
    index = int(began.timestamp() // TICK)
    judged = [
        look
        async for look in judge_range(
            Answering(NoData("no pods were scraped", index + 100)),
            world.spec,
            ARMS,
            since=began,
            until=began + timedelta(seconds=50),
            settings=world.settings,
        )
    ]
    assert {ending_of_gates(look) for look in judged} == {Ending.UNDECIDED}
    assert judged[-1].assessment.unavailable


class Labels:
    """Stands in for a Prometheus that is only asked for the pods that it knows."""

    def __init__(self, *pods: str) -> None:
        self._pods = pods

    def labels(self, expression: str, at: int) -> list[Mapping[str, str]]:
        if not self._pods:
            raise SourceFailure("connection refused")
        return [{"pod": pod} for pod in self._pods]


def pods(version_hash: str, *numbers: int) -> list[str]:
    return [f"churn-{version_hash}-abc-{number}" for number in numbers]


async def past(client: Labels, source: Any) -> Any:
    world, began = lived(0.005)
    return await past_of_champion(
        source or Remembered(world), cast(PrometheusClient, client), world.spec, ARMS, began, world.settings
    )


async def test_the_past_of_the_champion_is_counted_by_halves_of_its_pods() -> None:
    blocks = tuple(Window(index, Block(ArmCounts(100, 1), ArmCounts(100, 2))) for index in range(240))
    client = Labels(*pods(CHAMPION, 3, 1, 2), *pods(CHALLENGER, 1))
    (history,) = await past(client, Answering(Counted(blocks, 240)))
    assert (history.gate, history.requests, history.bad) == ("errors", 48000, 720)
    world, _ = lived(0.005)
    source = Remembered(world)
    await past(client, source)
    assert source.asked[0][0] == Arms.of_one_version("ml", pods(CHAMPION, 1, 2, 3), "v1")


async def test_the_past_of_one_pod_is_counted_alone() -> None:
    blocks = tuple(Window(index, Block(champion=ArmCounts(100, 1))) for index in range(240))
    client = Labels(*pods(CHAMPION, 1), *pods(CHALLENGER, 1))
    (history,) = await past(client, Answering(Counted(blocks, 240)))
    assert (history.requests, history.bad) == (24000, 240)


async def test_a_champion_without_pods_has_no_past() -> None:
    assert await past(Labels(*pods(CHALLENGER, 1)), None) == ()


async def test_a_prometheus_that_cannot_tell_the_pods_is_told() -> None:
    with pytest.raises(OfflineError, match="connection refused"):
        await past(Labels(), None)


@pytest.mark.parametrize(
    ("baseline", "reference", "alone"),
    [
        ({"champion": {}}, "champion", set()),
        ({"fixed": {"errors": "8%"}}, "champion", {"errors"}),
        ({"service": {"bento": "majority:v1", "image": "registry.example/majority:v1"}}, "baseline", set()),
    ],
)
async def test_the_source_is_told_what_is_compared(baseline: dict[str, Any], reference: str, alone: set[str]) -> None:
    arms = arms_of(spec("churn:v2", baseline=baseline), "ml", "churn-a-.*", "churn-b-.*")
    assert (arms.reference, arms.alone) == (reference, alone)


LABELS = [{"name": "labels", "share": {"total": "a_total", "bad": "b_total", "cohortLabel": "version"}}]


@pytest.mark.parametrize(
    ("baseline", "champion_version", "expected"),
    [
        ({"champion": {}}, "v1", "v1"),
        ({"service": {"bento": "majority:m3", "image": "registry.example/majority:m3"}}, "", "m3"),
    ],
)
async def test_the_source_is_told_which_versions_a_label_may_name(
    baseline: dict[str, Any], champion_version: str, expected: str
) -> None:
    arms = arms_of(spec("churn:v2", baseline=baseline, gates=LABELS), "ml", "a-.*", "b-.*", champion_version)
    assert (arms.champion_version, arms.challenger_version) == (expected, "v2")


async def test_a_version_that_only_the_user_knows_is_asked_for() -> None:
    with pytest.raises(OfflineError, match="needs --champion-version"):
        arms_of(spec("churn:v2", gates=LABELS), "ml", "a-.*", "b-.*")


async def test_a_range_beside_a_baseline_is_judged_against_it() -> None:
    world, began = lived(0.05)
    service = {"bento": "majority:v1", "image": "registry.example/majority:v1"}
    world.apply(spec("churn:v2", baseline={"service": service}))
    last = (await judge(world, began))[-1]
    assert last.assessment.gates[0].compared_with == "baseline majority:v1"
    assert "of the baseline's" in last.assessment.failure
