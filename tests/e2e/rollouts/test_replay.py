"""What the operator recorded while it was killed, cut off and told what to do comes out the same again."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from tests.e2e.rollouts.world import World

from modelrollout.cli.main import main


def test_every_decision_of_the_session_is_made_again_at_the_same_time(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = world.record(tmp_path)
    code = main(["replay", "--recording", str(record), "--output=json"])
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["differences"] == []
    assert code == 0
    made_again = {(_second(datetime.fromisoformat(made["at"])), made["reason"]) for made in replayed["decisions"]}
    shown = {(_second(made.at), made.reason) for now in world.rollout.history if (made := now.status.last_decision)}
    assert shown
    assert shown <= made_again
    print(f"{len(replayed['decisions'])} decisions, {record.stat().st_size / 1e6:.1f} MB")


def _second(moment: datetime) -> datetime:
    """As a status has it, which knows no parts of seconds."""
    return moment.replace(microsecond=0)
