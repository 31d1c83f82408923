"""A recorded rollout comes out the same again, and otherwise under other gates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from tests.unit.rollout.recorded_world import RecordedWorld
from tests.unit.rollout.world import spec

from modelrollout.api.gates import Gate
from modelrollout.cli.main import main
from modelrollout.offline.errors import OfflineError
from modelrollout.offline.recorded import Changes, decide_under, differences, rollouts
from modelrollout.rollout.plan import Plan
from modelrollout.rollout.recording import Record

RAMP = {"strategy": {"ramp": {"maxWeight": 50}, "holdBack": {"percent": 5, "for": "60s"}}}


@dataclass
class LazyWorld(RecordedWorld):
    """Writes undecided evidence only now and then, as the operator does: most looks begin at an older status."""

    looks: int = 0

    def step(self, crash: str = "none") -> Plan:
        written, self.looks = self.status, self.looks + 1
        plan = super().step(crash)
        if not plan.significant and self.looks % 12:
            self.status = written
        return plan


def recorded(
    error_rate: float = 0.005, requests_per_second: float = 100.0, seed: int = 7, **changes: Any
) -> list[Record]:
    world = LazyWorld(
        spec("churn:v1", **changes),
        error_rates={"churn:v2": error_rate},
        requests_per_second=requests_per_second,
        dice=Random(seed),
    )
    world.run(30)
    world.apply(spec("churn:v2", **changes))
    world.run(600)
    return world.records


def reasons(looks: Sequence[tuple[Record, Plan]]) -> list[tuple[float, str]]:
    """What was decided when."""
    return [(record.now.timestamp(), event.reason) for record, plan in looks for event in plan.events]


def gates(**error_rate: Any) -> tuple[Gate, ...]:
    return (Gate.model_validate({"name": "errors", "errorRate": error_rate}),)


@pytest.mark.parametrize("error_rate", [0.005, 0.02, 0.05, 0.5])
@pytest.mark.parametrize("changes", [{}, RAMP], ids=["steps", "ramp"])
def test_every_look_comes_out_the_same_again(error_rate: float, changes: dict[str, Any]) -> None:
    assert [found for record in recorded(error_rate, **changes) for found in differences(record)] == []


@pytest.mark.parametrize("error_rate", [0.005, 0.02, 0.05, 0.5])
@pytest.mark.parametrize("changes", [{}, RAMP], ids=["steps", "ramp"])
def test_under_its_own_gates_a_rollout_is_decided_at_the_same_ticks(error_rate: float, changes: dict[str, Any]) -> None:
    (rollout,) = rollouts(recorded(error_rate, **changes))
    own = Changes(rollout[0].spec.gates, rollout[0].spec)
    assert reasons(list(decide_under(rollout, own))) == [
        (record.now.timestamp(), event.reason) for record in rollout for event in record.outcome.events
    ]


def test_stricter_gates_leave_undecided_what_was_promoted() -> None:
    (rollout,) = rollouts(recorded())
    looks = list(decide_under(rollout, Changes(gates(maxIncrease="0.1%"))))
    assert "Promoted" in [event.reason for event in rollout[-1].outcome.events]
    assert looks[-1][0] is rollout[-1]
    assert looks[-1][1].status.challenger is not None


def test_stricter_gates_roll_back_what_was_promoted() -> None:
    lenient = [{"name": "errors", "errorRate": {"tolerated": "9%", "maxIncrease": "9%"}}]
    (rollout,) = rollouts(recorded(0.015, gates=lenient, strategy={"steps": [{"weight": 50, "hold": "8m"}]}))
    looks = list(decide_under(rollout, Changes(gates(maxIncrease="1%"))))
    assert "Promoted" in [event.reason for event in rollout[-1].outcome.events]
    assert reasons(looks)[-1][1] == "GateFailed"
    assert looks[-1][0].now < rollout[-1].now


def test_gates_are_matched_by_what_they_count_and_not_by_name() -> None:
    (rollout,) = rollouts(recorded())
    renamed = (gates(maxIncrease="2%")[0].model_copy(update={"name": "renamed"}),)
    looks = list(decide_under(rollout, Changes(renamed)))
    assert [gate.name for gate in looks[-2][1].status.gates] == ["renamed", "restarts"]
    assert reasons(looks)[-1][1] == "Promoted"


@pytest.mark.parametrize(
    "gate",
    [
        {"errorRate": {"codes": "4.."}},
        {"errorRate": {"endpoints": "/other"}},
        {"latency": {"threshold": "1s"}},
        {"query": {"expression": 'x{pod=~"{{pods}}"}', "max": 1}},
        {"mean": {"sum": "loss_sum", "count": "loss_count", "maxDegradation": 1}},
        {"drift": {"histogram": "score", "boundaries": [0.5]}},
    ],
)
def test_what_was_not_counted_cannot_be_judged(gate: dict[str, Any]) -> None:
    (rollout,) = rollouts(recorded())
    changes = Changes((Gate.model_validate({"name": "other", **gate}),))
    with pytest.raises(OfflineError, match="the recording holds nothing that gate other could count"):
        list(decide_under(rollout, changes))


@pytest.mark.parametrize(
    ("kind", "kept", "other"),
    [
        ("latency", {"threshold": "1s", "warmUp": "60s"}, {"threshold": "1s", "warmUp": "2m"}),
        ("share", {"total": "a", "bad": "b", "cohortLabel": "v"}, {"total": "a", "bad": "b"}),
    ],
)
def test_what_was_counted_of_other_requests_cannot_be_judged(
    kind: str, kept: dict[str, Any], other: dict[str, Any]
) -> None:
    (rollout,) = rollouts(recorded(gates=[{"name": "recorded", kind: kept}]))

    def tried(options: dict[str, Any]) -> Changes:
        return Changes((Gate.model_validate({"name": "tried", kind: {**options, "maxIncrease": "3%"}}),))

    assert list(decide_under(rollout, tried(kept)))
    with pytest.raises(OfflineError, match="the recording holds nothing that gate tried could count"):
        list(decide_under(rollout, tried(other)))


def test_a_recording_is_split_into_its_rollouts() -> None:
    world = RecordedWorld().run(30)
    assert isinstance(world, RecordedWorld)
    for bento in ("churn:v2", "churn:v3"):
        world.apply(spec(bento))
        world.run(300)
    found = rollouts(world.records)
    assert [group[0].status.challenger.bento for group in found if group[0].status.challenger] == [
        "churn:v2",
        "churn:v3",
    ]
    assert all("Promoted" in [event.reason for event in group[-1].outcome.events] for group in found)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path, recorded(0.05))


def write(directory: Path, records: Sequence[Record]) -> Path:
    path = directory / "ml.churn.jsonl"
    path.write_text("".join(record.to_json() + "\n" for record in records))
    return path


def test_a_replay_lists_the_decisions(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--recording", str(recording)]) == 0
    said = capsys.readouterr().out
    decisions = [line.split()[1] for line in said.splitlines() if line.startswith("2026")]
    assert decisions[:4] == ["ChampionDeploying", "ChampionServing", "RolloutStarted", "RampStarted"]
    assert decisions[-1] == "GateFailed"
    assert said.endswith(", 0 with another outcome\n")


@pytest.mark.parametrize("place", [1, 5, -1])
def test_a_line_that_was_cut_off_is_told_and_left_out(
    place: int, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = recording.read_bytes().splitlines(keepends=True)
    lines[place] = lines[place][:1000] + (b"" if place == -1 else b"\n")
    recording.write_bytes(b"".join(lines))
    assert main(["replay", "--recording", str(recording)]) == 0
    said = capsys.readouterr()
    assert said.out.endswith(f"{len(lines) - 1} looks replayed, 0 with another outcome\n")
    assert said.err == f"{recording}:{place % len(lines) + 1}: left out, since it was cut off\n"


def test_another_outcome_is_told_by_its_parts(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *earlier, last = recorded(0.05)
    forged = replace(last, outcome=replace(last.outcome, weights={"0123456789": 100}))
    assert main(["replay", "--recording", str(write(tmp_path, [*earlier, forged])), "-o", "json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["differences"]
    assert found["at"] == last.now.isoformat()
    assert found["parts"][0].startswith("weights: was 0123456789 100, now ")


def test_other_gates_decide_with_the_exit_code_of_what_comes_out(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gates.yaml"
    for gate, code, said in [
        ({"maxIncrease": "2%"}, 2, "rolled back at "),
        ({"maxIncrease": "9%", "tolerated": "9%"}, 3, "undecided at "),
    ]:
        path.write_text(yaml.safe_dump([{"name": "errors", "errorRate": gate}]))
        assert main(["replay", "--recording", str(recording), "--gates", str(path)]) == code
        assert said in capsys.readouterr().out


def test_another_manifest_decides_by_its_strategy_too(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "churn.yaml"
    manifest = {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "churn"},
        "spec": spec("other:v1", strategy={"steps": [{"weight": 3}]}).manifest(),
    }
    path.write_text(yaml.safe_dump(manifest))
    assert main(["replay", "--recording", str(recording), "--manifest", str(path), "-o", "json"]) == 2
    (found,) = json.loads(capsys.readouterr().out)
    assert found["ending"] == "rolled back"
    assert "churn:v2 is ready and gets weight 3" in [decision["message"] for decision in found["decisions"]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- name: errors\n  errorRate: {maxIncrease: 200%}\n", "spec.gates[0].errorRate.maxIncrease: must be"),
        ("- name: errors\n  latency: {}\n", "spec.gates[0].latency.threshold: is required"),
        ("[]", "spec.gates"),
        ("", "spec.gates"),
        ("{", "is no YAML"),
    ],
)
def test_wrong_gates_are_named(
    text: str, complaint: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(text)
    assert main(["replay", "--recording", str(recording), "--gates", str(path)]) == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "is empty"), ("{}\n", ":1: no decision"), ("spec:\n", ":1: no "), ('{"spec', "holds no whole decision")],
)
def test_a_file_that_is_no_recording_is_named(
    text: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recording.jsonl"
    path.write_text(text)
    assert main(["replay", "--recording", str(path)]) == 1
    assert complaint in capsys.readouterr().err


def test_a_recording_without_a_rollout_has_nothing_to_try_gates_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gates.yaml").write_text("- {name: errors, errorRate: {}}\n")
    path = write(tmp_path, recorded()[:3])
    assert main(["replay", "--recording", str(path), "--gates", str(tmp_path / "gates.yaml")]) == 1
    assert "the recording holds no rollout" in capsys.readouterr().err
