"""A recorded decision can be made again."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.whole_rollouts import rollouts
from tests.unit.rollout.recorded_world import RecordedWorld
from tests.unit.rollout.world import spec

from modelrollout.api.rollout import ModelRollout
from modelrollout.evidence.counts import ArmCounts, Block
from modelrollout.evidence.mean import ArmSum
from modelrollout.rollout.measurements import (
    BadQuery,
    Bucketed,
    BucketWindow,
    Counted,
    Evaluated,
    Measurement,
    NoData,
    Point,
    SourceDown,
    Summed,
    SumWindow,
    Window,
)
from modelrollout.rollout.observation import Observation, RouteObservation, VersionObservation
from modelrollout.rollout.plan import DesiredVersion, Event, EventType, Placement, Plan
from modelrollout.rollout.recording import Outcome, Record
from modelrollout.rollout.settings import Settings

counts = st.integers(0, 10**12)
arms = st.tuples(counts, counts).map(lambda pair: ArmCounts(max(pair), min(pair)))
windows = st.builds(Window, index=counts, block=st.builds(Block, champion=arms, challenger=arms))
numbers = st.floats(allow_nan=False, allow_infinity=False)
sums = st.builds(ArmSum, count=counts, total=numbers)
sum_windows = st.builds(SumWindow, index=counts, champion=sums, challenger=sums)
buckets = st.lists(counts, min_size=2, max_size=3).map(tuple)
bucket_windows = st.builds(BucketWindow, index=counts, champion=buckets, challenger=buckets)
points = st.builds(Point, index=counts, champion=st.none() | numbers, challenger=st.none() | numbers)
measurements: st.SearchStrategy[Measurement] = (
    st.builds(Counted, windows=st.lists(windows, max_size=3).map(tuple), through=counts, note=st.text())
    | st.builds(Summed, windows=st.lists(sum_windows, max_size=3).map(tuple), through=counts, note=st.text())
    | st.builds(Bucketed, windows=st.lists(bucket_windows, max_size=3).map(tuple), through=counts, note=st.text())
    | st.builds(Evaluated, points=st.lists(points, max_size=3).map(tuple), through=counts)
    | st.builds(NoData, message=st.text(), through=counts)
    | st.builds(SourceDown, message=st.text())
    | st.builds(BadQuery, message=st.text())
)
versions = st.builds(
    VersionObservation, hash=st.text(), desired=counts, ready=counts, updated=st.booleans(), problem=st.text()
)
observations = st.builds(
    Observation,
    versions=st.dictionaries(st.text(), versions, max_size=3),
    route=st.builds(
        RouteObservation,
        exists=st.booleans(),
        weights=st.dictionaries(st.text(), st.integers(0, 100), max_size=3),
        settled=st.booleans(),
        problem=st.text(),
        refused=st.booleans(),
    ),
    measurements=st.dictionaries(st.text(), measurements, max_size=3),
    champion_halves=st.dictionaries(st.text(), measurements, max_size=3),
    commands=st.dictionaries(st.text(), st.text(), max_size=3),
    apply_problem=st.text(),
)
intervals = st.floats(0.001, 3600)
settings = st.builds(Settings, scrape_interval=intervals, scrape_lag=intervals)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
events = st.builds(Event, type=st.sampled_from(EventType), reason=st.text(), message=st.text())


@st.composite
def records(draw: st.DrawFn) -> Record:
    rollout: ModelRollout = draw(rollouts)
    placements = st.builds(
        lambda version, replicas: Placement((DesiredVersion(version, replicas),), {version.hash: 100}),
        st.just(rollout.status.champion) if rollout.status.champion else st.nothing(),
        counts,
    )
    plan = Plan(
        status=rollout.status,
        placement=draw(st.none() | placements),
        events=tuple(draw(st.lists(events, max_size=2))),
        requeue_after=None,
        significant=True,
    )
    return Record.of(rollout, draw(observations), draw(settings), draw(moments), plan)


@given(records())
def test_a_record_is_the_same_after_a_trip_through_json(record: Record) -> None:
    line = record.to_json()
    assert "\n" not in line
    assert Record.from_json(line) == record


def test_a_record_keeps_what_is_a_default_today() -> None:
    world = RecordedWorld(spec(risk={"falseRollback": "1%"}))
    world.step()
    record = json.loads(world.records[0].to_json())
    assert {"scrape_interval", "scrape_lag"} <= record["settings"].keys()
    assert record["spec"]["risk"] == {"falseRollback": "1%"}


def rolled_out() -> list[Record]:
    world = RecordedWorld()
    world.run(30)
    world.apply(spec("churn:v2"))
    world.run(600)
    assert "WatchPassed" in world.reasons()
    return world.records


def test_every_decision_of_a_rollout_can_be_made_again_from_its_record() -> None:
    for record in rolled_out():
        again = Record.from_json(record.to_json())
        assert Outcome.of(again.decide_again()) == record.outcome


def test_a_decision_on_other_facts_has_another_outcome() -> None:
    record = next(record for record in rolled_out() if record.observation.measurements)
    aborted = replace(record, observation=replace(record.observation, commands={"abort": "now"}))
    assert Outcome.of(aborted.decide_again()) != record.outcome


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"observation": 1}', '{"observation": {"measurements": 3}}'])
def test_what_is_no_record_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Record.from_json(line)
