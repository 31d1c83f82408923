"""What docs/cli.md and docs/replay.md show without a cluster."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from tests.unit.cli.documented import check
from tests.unit.rollout.recorded_world import RecordedWorld
from tests.unit.rollout.world import spec

from modelrollout.cli.main import build_parser, main

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "docs" / "cli.md", ROOT / "docs" / "replay.md"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of."""
    shutil.copy(ROOT / "examples" / "digits" / "rollout.yaml", tmp_path / "digits.yaml")
    mistakes = {"weight: 50": "weight: 500", "progressDeadline: 90s": "progressDeadline: 90", "threshold": "treshold"}
    wrong = (tmp_path / "digits.yaml").read_text()
    for right, mistake in mistakes.items():
        wrong = wrong.replace(right, mistake)
    (tmp_path / "wrong.yaml").write_text(wrong)
    world = RecordedWorld(error_rates={"churn:v2": 0.03})
    world.run(30)
    world.apply(spec("churn:v2"))
    world.run(300)
    (tmp_path / "ml.churn.jsonl").write_text("".join(record.to_json() + "\n" for record in world.records))
    gates = [{"name": "errors", "errorRate": {"maxIncrease": "2%", "tolerated": "1%"}}]
    (tmp_path / "gates.yaml").write_text(yaml.safe_dump(gates))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_show_what_the_commands_print(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(arguments: list[str]) -> tuple[int, str]:
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out + said.err

    check(page, run, live=False)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_only_quoted_are_understood(page: Path) -> None:
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["modelrollout"]:
                build_parser().parse_args(words[1:])
