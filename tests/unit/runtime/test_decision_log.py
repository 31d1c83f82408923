"""Decisions end up on disk, and a disk that fails stops nothing."""

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.rollout.recorded_world import RecordedWorld

from modelrollout.rollout.recording import Record
from modelrollout.runtime.decision_log import DecisionLog


@pytest.fixture
def records() -> list[Record]:
    world = RecordedWorld()
    world.run(30)
    return world.records


def read(path: Path) -> list[Record]:
    return [Record.from_json(line) for line in path.read_text().splitlines()]


def test_decisions_are_read_back_in_their_order(tmp_path: Path, records: list[Record]) -> None:
    log = DecisionLog(tmp_path / "made" / "here")
    for record in records:
        log.append(record)
    assert read(tmp_path / "made" / "here" / "ml.churn.jsonl") == records


def test_every_model_rollout_has_a_file_of_its_own(tmp_path: Path, records: list[Record]) -> None:
    log = DecisionLog(tmp_path)
    log.append(records[0])
    log.append(replace(records[0], name="fraud"))
    assert {path.name for path in tmp_path.iterdir()} == {"ml.churn.jsonl", "ml.fraud.jsonl"}


def test_a_full_file_is_put_aside_and_the_one_before_it_dropped(tmp_path: Path, records: list[Record]) -> None:
    log = DecisionLog(tmp_path, limit=16 * 2 * len(records[0].to_json()))
    for record in records:
        log.append(record)
    kept = [read(tmp_path / "ml.churn.1.jsonl"), read(tmp_path / "ml.churn.jsonl")]
    assert len(list(tmp_path.iterdir())) == 2
    assert [record for file in kept for record in file] == records[-sum(map(len, kept)) :]
    assert sum(map(len, kept)) < len(records)


def test_the_files_never_take_more_than_the_limit_and_the_longest_untouched_one_goes_first(
    tmp_path: Path, records: list[Record]
) -> None:
    def taken() -> int:
        return sum(path.stat().st_size for path in tmp_path.iterdir())

    size = len(records[0].to_json()) + 100
    log = DecisionLog(tmp_path, limit=4 * size)
    for number in range(10):
        log.append(replace(records[0], name=f"model-{number}"))
        os.utime(tmp_path / f"ml.model-{number}.jsonl", (number, number))
        assert taken() <= 4 * size
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"ml.model-{number}.jsonl" for number in (6, 7, 8, 9)]
    again = DecisionLog(tmp_path, limit=4 * size)
    again.append(replace(records[0], name="model-10"))
    assert taken() <= 4 * size


def test_what_a_killed_process_wrote_of_a_line_does_not_spoil_the_next_one(
    tmp_path: Path, records: list[Record]
) -> None:
    log, path = DecisionLog(tmp_path), tmp_path / "ml.churn.jsonl"
    log.append(records[0])
    with path.open("a") as file:
        file.write(records[1].to_json()[:1000])
    for record in records[1:3]:
        log.append(record)
    first, _, *others = path.read_text().splitlines()
    assert [Record.from_json(line) for line in (first, *others)] == records[:3]


def test_a_directory_that_cannot_be_written_is_reported_only(
    tmp_path: Path, records: list[Record], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        DecisionLog(tmp_path / "file").append(records[0])
    assert "a decision about ml/churn was not recorded" in caplog.text
