"""`modelrollout plan` says what a manifest and its traffic come to."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.rollout.world import spec

from modelrollout.cli.main import main

SERVICE = {"baseline": {"service": {"bento": "majority:v1", "image": "registry.example/majority:v1", "weight": 10}}}
QUERY = {"name": "score", "query": {"expression": 'avg(score{pod=~"{{pods}}"})', "max": 1}}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write(tmp_path)


def write(directory: Path, **changes: Any) -> Path:
    path = directory / "churn.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "modelrollout.io/v1alpha1",
                "kind": "ModelRollout",
                "metadata": {"name": "churn"},
                "spec": spec("churn:v2", **changes).manifest(),
            }
        )
    )
    return path


def test_a_plan_that_can_be_met_is_told_with_its_figures(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "-f", str(manifest), "-r", "100", "--regression", "+5%"]) == 0
    said = capsys.readouterr().out
    assert "churn at 100 requests/s\nbad requests of the champion: errors 1 %; of a good challenger: errors 1 %" in said
    assert "The deadline of 24h can be met" in said
    assert [line.split()[:3] for line in said.splitlines() if "+5%" in line] == [
        ["errors", "+5%", "no"],
        ["errors", "+5%", "10"],
        ["errors", "+5%", "50"],
    ]


def test_a_plan_that_cannot_be_met_has_the_exit_code_of_undecided(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "-f", str(manifest), "-r", "0.001"]) == 3
    assert "The deadline of 24h cannot be met at this traffic" in capsys.readouterr().out


def test_a_plan_as_json_has_null_for_never(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gates = [{"name": "errors", "errorRate": {"maxIncrease": "2%", "tolerated": "1.5%"}}]
    assert main(["plan", "-f", str(write(tmp_path, gates=gates)), "-r", "50", "-o", "json", "--regression", "+1%"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["good"]["ending"] == "promoted"
    assert found["rollbacks"][0][1]["requests"] is None


def test_gates_that_count_no_bad_requests_are_named_as_not_estimated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loss = {"name": "loss", "mean": {"sum": "loss_sum", "count": "loss_count", "maxDegradation": 1}}
    others = [QUERY, loss, {"name": "classes", "drift": {"histogram": "score", "boundaries": [0.5]}}]
    all_ = write(tmp_path, gates=[{"name": "errors", "errorRate": {"maxIncrease": "2%"}}, *others])
    assert main(["plan", "-f", str(all_), "-r", "50"]) == 0
    told = capsys.readouterr().out
    assert all(reason in told for reason in ("score: a query, ", "loss: a mean, ", "classes: drift, "))
    assert main(["plan", "-f", str(write(tmp_path, gates=others)), "-r", "50"]) == 1
    assert "no gate counts bad requests (score: a query, " in capsys.readouterr().err


def test_the_champion_is_taken_as_it_is_told(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "-f", str(manifest), "-r", "50", "--champion-rate", "errors=0.2%"]) == 0
    assert "bad requests of the champion: errors 0.2 %" in capsys.readouterr().out
    assert main(["plan", "-f", str(manifest), "-r", "50", "--champion-rate", "erors=0.2%"]) == 1
    assert "no gate that counts bad requests is named erors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("gate", "option"),
    [
        ({"errorRate": {}}, "--champion-error-rate"),
        ({"latency": {"threshold": "1s"}}, "--champion-slow-rate"),
        ({"share": {"total": "answers_total", "bad": "wrong_total"}}, "--champion-bad-rate"),
    ],
)
def test_every_kind_of_gate_has_an_option_of_its_own(
    gate: dict[str, Any], option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write(tmp_path, gates=[{"name": "one", **gate}])
    main(["plan", "-f", str(manifest), "-r", "50", option, "7%"])
    assert "bad requests of the champion: one 7 %" in capsys.readouterr().out


WRONG = {"name": "wrong", "share": {"total": "answers_total", "bad": "wrong_total", "minImprovement": "10%"}}


def test_a_baseline_is_planned_for_with_its_weight_and_its_own_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = ["--champion-bad-rate", "4%", "--baseline-rate", "wrong=20%", "--regression", "+20%"]
    path = write(tmp_path, gates=[WRONG], **SERVICE)
    assert main(["plan", "-f", str(path), "-r", "50", *rates]) == 0
    said = capsys.readouterr().out
    assert (
        "bad requests of the champion: wrong 4 %; of a good challenger: wrong 4 %\n"
        "compared with majority:v1 at weight 10, which has: wrong 20 %\n"
    ) in said
    (expected,) = [line.split()[2:5] for line in said.splitlines() if line.startswith("wrong +20%")]
    assert expected == ["no", "rolled", "back"]


def test_a_fixed_figure_is_planned_for_in_place_of_the_champion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, gates=[WRONG], baseline={"fixed": {"wrong": "20%"}})
    assert main(["plan", "-f", str(path), "-r", "50", "--champion-bad-rate", "15%"]) == 0
    said = capsys.readouterr().out
    assert "of a good challenger: wrong 0 %\ncompared with fixed figures: wrong 20 %\n" in said


def test_the_rate_of_a_baseline_that_there_is_not_is_refused(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "-f", str(manifest), "-r", "50", "--baseline-rate", "errors=1%"]) == 1
    assert "--baseline-rate is about baseline.service" in capsys.readouterr().err


def test_a_gate_that_asks_for_an_improvement_is_planned_for_with_twice_as_much(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = write(tmp_path, gates=[{"name": "errors", "errorRate": {"minImprovement": "2%"}}])
    assert main(["plan", "-f", str(better), "-r", "50", "--champion-error-rate", "10%"]) == 0
    assert "of a good challenger: errors 6 %" in capsys.readouterr().out
    assert main(["plan", "-f", str(better), "-r", "50", "--champion-error-rate", "1%"]) == 3
    assert "even a good challenger never passes these gates" in capsys.readouterr().out


def test_a_manifest_that_is_wrong_is_not_planned_for(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest.write_text(manifest.read_text().replace("weight: 50", "weight: 5"))
    assert main(["plan", "-f", str(manifest), "-r", "50"]) == 1
    assert "the weight must increase from step to step" in capsys.readouterr().err
