"""What `get` prints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.whole_rollouts import rollouts
from tests.unit.cli import worlds
from tests.unit.rollout.world import World

from modelrollout.api.rollout import ModelRollout
from modelrollout.cli.console import table
from modelrollout.cli.show import describe, overview, summary
from modelrollout.ports import Manifest

SERVICE = {"service": {"bento": "majority:v1", "image": "registry.example/majority:v1"}}
cells = st.text(st.characters(categories=["L", "N"]), max_size=10) | st.none() | st.integers()


def manifest(world: World) -> Manifest:
    rollout = worlds.rollout(world).manifest()
    return {**rollout, "metadata": {"namespace": "ml", "generation": world.generation, **rollout["metadata"]}}


def test_one_rollout_is_shown_with_its_versions_gates_and_last_decision() -> None:
    world = worlds.rolling_out()
    shown = describe(manifest(world))
    gate, decision = world.status.gates[0], world.status.last_decision
    assert decision is not None
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[:5] == [
        "ModelRollout ml/churn",
        "Phase Ramping",
        "Champion churn:v1",
        "Challenger churn:v2",
        "Weight 10 %",
    ]
    assert f"Verdict {world.status.verdict}" in lines
    assert f"Last decision {decision.at:%Y-%m-%dT%H:%M:%SZ} RampStarted: {decision.message}" in lines
    assert lines[-2] == (
        f"errors Undecided {gate.challenger} {gate.champion} champion churn:v1 {gate.requests} Exact {gate.message}"
    )


@pytest.mark.parametrize(
    ("world", "line"),
    [
        (worlds.watched(), "Old champion   churn:v1, warm until 2026-11-24T12:04:00Z"),
        (worlds.rolled_back(), "Rolled back    churn:v2"),
        (worlds.rolling_out(baseline=SERVICE), "Baseline       majority:v1, weight 5"),
        (World(), "Phase         not seen by the operator yet"),
    ],
)
def test_what_is_not_always_there_is_shown_when_it_is(world: World, line: str) -> None:
    assert " ".join(line.split()) in [" ".join(shown.split()) for shown in describe(manifest(world)).splitlines()]


@pytest.mark.parametrize(
    ("baseline", "compared_with"),
    [
        ({"champion": {}}, "champion churn:v1"),
        ({"service": SERVICE["service"]}, "baseline majority:v1"),
        ({"fixed": {"errors": "8%"}}, "fixed 8 %"),
    ],
)
def test_a_gate_is_shown_with_what_it_compares(baseline: dict[str, object], compared_with: str) -> None:
    *_, line, _ = describe(manifest(worlds.rolling_out(baseline=baseline))).splitlines()
    assert compared_with in line


def test_all_rollouts_have_a_line_each() -> None:
    world = worlds.rolling_out()
    shown = overview([manifest(world), manifest(worlds.serving())], namespaces=False)
    header, first, second = shown.splitlines()
    assert header.split() == ["NAME", "READY", "PHASE", "CHAMPION", "CHALLENGER", "WEIGHT", "GATES", "VERDICT"]
    assert first.split()[:7] == ["churn", "False", "Ramping", "churn:v1", "churn:v2", "10", "errors:Undecided"]
    assert first.endswith(world.status.verdict)
    assert second.split()[:6] == ["churn", "True", "Stable", "churn:v1", "-", "-"]


def test_namespaces_are_shown_where_there_are_several() -> None:
    shown = overview([manifest(worlds.serving())], namespaces=True)
    assert [line.split()[0] for line in shown.splitlines()] == ["NAMESPACE", "ml"]


def test_programs_get_the_status_without_what_only_the_operator_understands() -> None:
    world = worlds.rolling_out()
    found = summary(manifest(world))
    assert (found["namespace"], found["name"], found["phase"], found["weight"]) == ("ml", "churn", "Ramping", 10)
    assert found["gates"][0].keys() == world.status.gates[0].manifest().keys() - {"state"}


@given(rollouts)
def test_any_rollout_can_be_shown(rollout: ModelRollout) -> None:
    any_manifest = {**rollout.manifest(), "metadata": rollout.metadata.model_dump(by_alias=True)}
    assert describe(any_manifest).startswith("ModelRollout")
    assert rollout.metadata.name in overview([any_manifest], namespaces=True)


@given(st.lists(st.tuples(cells, cells, cells), max_size=5))
def test_columns_of_a_table_are_aligned(rows: list[tuple[object, ...]]) -> None:
    header, *lines = table(["ONE", "TWO", "THREE"], rows).splitlines()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line.split() == ["-" if cell in (None, "") else str(cell) for cell in row]
        assert line[header.index("TWO") - 2 : header.index("TWO")] == "  "
        assert line[header.index("THREE") - 2 : header.index("THREE")] == "  "
