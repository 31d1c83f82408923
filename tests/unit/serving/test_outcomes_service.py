"""What the SDK records is what the outcomes service counts: both as they are, over HTTP in one process."""

from pathlib import Path

import pytest
from tests.outcomes.world import DAY, START, World
from tests.unit.serving.sinks import record

from modelrollout_outcomes.storage.database import open_database
from modelrollout_outcomes.storage.migrate import migrate
from modelrollout_serving import OutcomesService, Receipt


@pytest.fixture
def world(tmp_path: Path) -> World:
    database = open_database(f"sqlite:///{tmp_path / 'outcomes.db'}")
    migrate(database)
    return World(database)


@pytest.fixture
def sink(world: World) -> OutcomesService:
    return OutcomesService("http://outcomes", transport=world.client._transport)


def test_predictions_are_taken_once_and_count_by_the_truths_of_their_requests(
    world: World, sink: OutcomesService
) -> None:
    batch = [record(number, at=START, prediction=7 if number else "7") for number in range(4)]
    assert sink.send(batch) == Receipt(4)
    assert sink.send(batch) == Receipt(0, duplicates=4)
    for number, truth in ((0, 7), (1, "7"), (2, 3)):
        assert world.learn(f"request-{number}", truth) == "matched"
    world.sleep(2 * DAY)
    assert world.counted(version="v2") == {"right": 2, "wrong": 1, "unlabelled": 1}


def test_a_forecast_is_found_by_its_key(world: World, sink: OutcomesService) -> None:
    sink.send([record(at=START, prediction=101.5, key="2026-05-01T11:00:00+00:00")])
    assert world.learn_by_key("2026-05-01T11:00:00+00:00", START + 3600, 100) == "matched"
    world.sleep(2 * DAY)
    assert world.counted("loss_sum", loss="squared") == {"squared": 2.25}


def test_a_record_that_is_too_old_is_refused_and_the_others_are_taken(world: World, sink: OutcomesService) -> None:
    receipt = sink.send([record(0, at=START - 365 * DAY), record(1, at=START)])
    assert (receipt.accepted, receipt.rejected, receipt.why) == (1, 1, "the prediction is older than what is kept")
