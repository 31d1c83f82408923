"""Manifests are checked offline, and every complaint says where."""

import json
from pathlib import Path

import pytest
from tests.cluster.manifest_cases import cases, changed

from modelrollout.api.parsing import parse_rollout
from modelrollout.cli.main import main
from modelrollout.offline.manifests import check

GOOD = """\
apiVersion: modelrollout.io/v1alpha1
kind: ModelRollout
metadata: {name: churn}
spec:
  model: {bento: "churn:v1", image: registry.example/churn:v1}
  traffic:
    gatewayAPI:
      parentRefs: [{name: models}]
  strategy:
    steps:
      - {weight: 5, hold: 1m}
      - {weight: 25}
  gates:
    - name: errors
      errorRate: {}
"""


def lint(text: str) -> list[str]:
    return [str(finding) for finding in check("a.yaml", text.encode()).findings]


def test_a_good_manifest_gives_no_complaint() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("weight: 25", "weight: 101", "a.yaml:12: spec.strategy.steps[1].weight: must be at most 100"),
        ("weight: 25", "wieght: 25", "a.yaml:12: spec.strategy.steps[1].weight: is required"),
        ("hold: 1m", "hold: soon", "a.yaml:11: spec.strategy.steps[0].hold: must be a duration like"),
        ("weight: 25", "weight: 5", "a.yaml:10: spec.strategy.steps: the weight must increase"),
        ("  gates:\n    - name: errors\n      errorRate: {}\n", "", "a.yaml:4: spec.gates: is required"),
        ("name: churn", "name: Churn", "a.yaml:3: metadata.name: must be at most 63 lower case"),
        ("v1alpha1", "v9", "a.yaml:1: apiVersion: must be"),
        ("kind: ModelRollout", "kind: ModelRolout", "a.yaml:2: kind: must be"),
        ("spec:", "spec: {", "is no YAML"),
        ("hold: 1m", "hold: 1m, weight: 6", "a.yaml:11: is no YAML: field weight is there twice"),
        ("spec:", "spec: *nowhere\nspecial:", "a.yaml:4: is no YAML: found undefined alias"),
    ],
)
def test_a_complaint_names_file_line_field_and_what_is_allowed(right: str, wrong: str, complaint: str) -> None:
    assert any(complaint in found for found in lint(GOOD.replace(right, wrong, 1)))


def test_lines_are_those_of_the_file_with_several_documents() -> None:
    other = "apiVersion: v1\nkind: Service\nmetadata: {name: other}\n"
    bad = GOOD.replace("weight: 25", "weight: 0")
    text = f"{GOOD}---\n{other}---\n{bad}---\n"
    line = text.splitlines().index("      - {weight: 0}") + 1
    assert lint(text) == [f"a.yaml:{line}: spec.strategy.steps[1].weight: must be at least 1"]


@pytest.mark.parametrize("text", ["", "---\n", "[1, 2]", "apiVersion: v1\nkind: Service\n", "\x00", "&a [*a]"])
def test_a_file_without_a_modelrollout_is_reported(text: str) -> None:
    assert len(lint(text)) == 1


@pytest.mark.parametrize("case", cases("refused.yaml"))
def test_lint_says_of_bad_manifests_what_the_operator_says(case: dict[str, object]) -> None:
    manifest = changed(case)
    problems = parse_rollout(manifest, strict=True)
    assert isinstance(problems, list)
    findings = check("a.json", json.dumps(manifest).encode()).findings
    assert [(found.field, found.message) for found in findings] == [(p.field, p.message) for p in problems]


def test_files_are_linted_together_and_one_bad_one_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    bad.write_text(GOOD.replace("weight: 25", "weight: 0"))
    assert main(["lint", str(good)]) == 0
    assert main(["lint", str(good), str(bad)]) == 1
    assert capsys.readouterr().out == f"{bad}:12: spec.strategy.steps[1].weight: must be at least 1\n"


def test_findings_come_as_json_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(GOOD.replace("weight: 25", "weight: 0"))
    assert main(["lint", "-o", "json", str(bad)]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"file": str(bad), "line": 12, "field": "spec.strategy.steps[1].weight", "message": "must be at least 1"}
    ]
