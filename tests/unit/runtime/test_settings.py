"""Options of the operator come from flags, environment variables and defaults, and are all documented."""

from pathlib import Path

import pytest

from modelrollout.runtime.reference import render
from modelrollout.runtime.settings import OperatorSettings, parse

URL = "--prometheus-url=http://prometheus:9090"
OPTIONS = Path(__file__).parents[3] / "docs" / "options.md"


def test_flags_come_before_the_environment_and_that_before_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELROLLOUT_WORKERS", "3")
    monkeypatch.setenv("MODELROLLOUT_PORT", "3")
    settings = parse([URL, "--port=4"])
    assert (settings.port, settings.workers, settings.scrape_lag) == (4, 3, 1.0)


@pytest.mark.parametrize(
    ("flags", "environment"),
    [(["--namespace=a", "--namespace=b"], ""), (["--namespace", "a,b"], ""), ([], "a, b")],
    ids=["repeated", "listed", "environment"],
)
def test_namespaces_are_repeated_or_listed(flags: list[str], environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELROLLOUT_NAMESPACE", environment)
    assert parse([URL, *flags]).namespaces == ("a", "b")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--prometheus-url: Field required"),
        ([URL, "--scrape-interval=0"], "--scrape-interval: Input should be greater than 0"),
        ([URL, "--scrape-interval=nan"], "--scrape-interval: Input should be a finite number"),
        ([URL, "--resync-interval=soon"], "--resync-interval: "),
        ([URL, "--workers=0"], "--workers: "),
        ([URL, "--port=99999"], "--port: "),
        ([URL, "--record-limit=much"], "--record-limit: Value error, must be a quantity of bytes like 1Gi"),
        ([URL, "--record-limit=0"], "--record-limit: Input should be greater than 0"),
        ([URL, "--log-level=LOUD"], "--log-level: "),
        ([URL, "--workes=1"], "unrecognized arguments: --workes=1"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_what_is_wrong_in_the_environment_is_named_by_the_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELROLLOUT_WORKERS", "many")
    with pytest.raises(SystemExit):
        parse([URL])
    assert "--workers: " in capsys.readouterr().err


def test_the_docs_list_every_option_with_its_meaning() -> None:
    listed = render()
    assert OPTIONS.read_text() == listed
    for name, field in OperatorSettings.model_fields.items():
        assert f"MODELROLLOUT_{name.upper()}`" in listed
        assert f"| {field.description} |" in listed
