"""What docs/outcomes.md shows is what the service does."""

import json
import re
import shlex
from pathlib import Path

import pytest

from modelrollout_outcomes import client as client_module
from modelrollout_outcomes.commands import COMMANDS
from modelrollout_outcomes.records import TruthState
from tests.outcomes.world import World

PAGE = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
CALLS = re.findall(r"\$ (curl -s localhost:8080/\S+ .*)\n(\{.*)", PAGE)


def test_the_answers_to_the_calls_are_those_that_are_shown(world: World) -> None:
    assert len(CALLS) == 2
    for command, shown in CALLS:
        words = shlex.split(command)
        answer = world.client.post(words[2].removeprefix("localhost:8080"), content=words[words.index("-d") + 1])
        assert answer.json() == json.loads(shown)


def test_the_python_example_does_what_it_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    world.predict("a1")
    transport = world.client._transport
    connect = client_module.httpx.Client
    monkeypatch.setattr(client_module.httpx, "Client", lambda **given: connect(**{**given, "transport": transport}))
    names: dict[str, object] = {}
    exec(example, names)
    assert names["states"] == [TruthState.MATCHED]


def test_every_command_and_state_that_is_named_is_there() -> None:
    named = set(re.findall(r"\$ modelrollout-outcomes (\w+)", PAGE))
    assert named <= COMMANDS.keys()
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## Truths")[1].split("## ")[0], re.MULTILINE)) == set(
        TruthState
    )
