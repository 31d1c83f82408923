"""The command line as a whole: names, usage and exit codes."""

import sys
from pathlib import Path

import pytest

from modelrollout.cli.main import build_parser, main

KUBECONFIG_WITHOUT_SERVER = """
apiVersion: v1
kind: Config
current-context: gone
contexts: [{name: gone, context: {cluster: gone, user: gone, namespace: ml}}]
clusters: [{name: gone, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: gone, user: {}}]
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG_WITHOUT_SERVER)
    return str(path)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["wait"],
        ["wait", "churn", "--timeout", "soon"],
        ["wait", "churn", "--timeout", "0s"],
        ["wait", "churn", "--for", "ever"],
        ["lint"],
        ["lint", "there-is-no-such-file.yaml"],
        ["plan", "-f", "there-is-no-such-file.yaml", "-r", "1"],
        ["plan", "-r", "0", "-f", "/dev/null"],
        ["plan", "-r", "ten", "-f", "/dev/null"],
        ["plan", "-r", "1", "-f", "/dev/null", "--regression", "-1%"],
        ["plan", "-r", "1", "-f", "/dev/null", "--regression", "x0.5"],
        ["plan", "-r", "1", "-f", "/dev/null", "--champion-error-rate", "0.01"],
        ["replay"],
        ["replay", "--recording", "/dev/null", "--prometheus", "http://localhost"],
        ["replay", "--prometheus", "http://localhost", "--from", "yesterday"],
        ["replay", "--prometheus", "http://localhost", "--from", "2026-11-24T15:00:00"],
    ],
)
def test_wrong_usage_has_an_exit_code_of_its_own(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 64
    assert "error: " in capsys.readouterr().err


def test_a_wrong_value_is_answered_with_what_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["wait", "churn", "--timeout", "soon"])
    assert "must be a duration above 0s, like 500ms, 30s, 10m, 1h30m or 7d" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("called", "shown"),
    [("/usr/bin/modelrollout", "modelrollout"), ("/usr/bin/kubectl-modelrollout", "kubectl modelrollout")],
)
def test_the_program_goes_by_the_name_that_the_user_called(
    called: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert build_parser().format_usage().startswith(f"usage: {shown} [")


@pytest.mark.parametrize(
    "arguments", [["get"], ["get", "churn"], ["promote", "churn"], ["watch", "churn"], ["wait", "churn"]]
)
def test_a_server_that_does_not_answer_is_named_at_once(
    arguments: list[str], kubeconfig: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--kubeconfig", kubeconfig]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: cannot ")
    assert "http://127.0.0.1:9" in error


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--kubeconfig", "/no/such/kubeconfig"], "no cluster to talk to"),
        (["--context", "other"], "no cluster to talk to"),
    ],
)
def test_a_cluster_that_is_not_configured_is_an_error(
    options: list[str], reason: str, kubeconfig: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["get", "--kubeconfig", kubeconfig, *options]) == 1
    assert reason in capsys.readouterr().err


def test_nothing_that_a_command_prints_acts_upon_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rollout.yaml"
    path.write_text('kind: ModelRollout\n"\\e[2Jspec": {}\n')
    assert main(["lint", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "spec: is not a known field" in printed
    assert "\x1b" not in printed
