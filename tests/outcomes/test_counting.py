"""What the service counts of what it is told, in whatever order, in both kinds of database."""

import pytest
from sqlalchemy import text

from modelrollout_outcomes.storage.database import Database
from tests.outcomes.world import DAY, World


def test_a_prediction_counts_when_its_maturity_is_over_by_what_is_known_then(world: World) -> None:
    world.predict("a", "b", "c")
    world.learn("a", "7")
    world.learn("b", "8")
    world.sleep(DAY - 1)
    assert world.counted() == {}
    world.sleep(2)
    assert world.counted() == {"right": 1, "wrong": 1, "unlabelled": 1}


def test_truths_that_come_before_their_predictions_count(world: World) -> None:
    assert [world.learn("a", "7"), world.learn("b", "8")] == ["waiting", "waiting"]
    world.predict("a", "b", "c")
    world.sleep(DAY + 1)
    assert world.counted() == {"right": 1, "wrong": 1, "unlabelled": 1}


def test_what_is_told_twice_is_counted_once_and_a_correction_replaces(world: World) -> None:
    assert world.predict("a", "b") == {"accepted": 2, "duplicates": 0, "rejected": []}
    assert world.predict("a", "b") == {"accepted": 0, "duplicates": 2, "rejected": []}
    assert [world.learn("a", value) for value in ("8", "8", "7")] == ["matched", "duplicate", "corrected"]
    world.sleep(DAY + 1)
    assert world.counted() == {"right": 1, "unlabelled": 1}
    assert world.counted("corrected_total") == {"": 1}


def test_a_truth_that_comes_after_the_maturity_counts_as_late_and_changes_nothing(world: World) -> None:
    world.predict("a", "b")
    world.sleep(DAY + 1)
    assert world.counted() == {"unlabelled": 2}
    assert [world.learn("a", "7"), world.learn("a", "8")] == ["matched", "corrected"]
    world.sleep(DAY)
    assert world.counted() == {"unlabelled": 2}
    assert world.counted("late_total") == {"right": 1}


@pytest.mark.parametrize("counts_before", [True, False])
def test_a_truth_is_late_by_when_it_came_and_not_by_when_somebody_counts(world: World, counts_before: bool) -> None:
    world.predict("a")
    world.sleep(DAY + 1)
    if counts_before:
        world.count()
    world.learn("a", "7")
    assert world.counted() == {"unlabelled": 1}
    assert world.counted("late_total") == {"right": 1}


def test_a_prediction_that_arrives_after_its_maturity_counts_by_what_was_known_then(world: World) -> None:
    world.predict("before")
    world.learn("known", "7")
    sent = world.now
    world.sleep(DAY + 100)
    world.count()
    world.predict("known", "late", "unknown", at=sent)
    world.learn("late", "7")
    assert world.counted() == {"right": 1, "unlabelled": 3}
    assert world.counted("late_total") == {"right": 1}


def test_a_maturity_that_is_new_is_counted_from_the_oldest_prediction_on(world: World) -> None:
    world.predict("a", "b")
    world.learn("a", "7")
    world.sleep(DAY + 1)
    world.count()
    world.restart(maturity=("24h", "1h"))
    assert world.counted(maturity="3600") == world.counted(maturity="86400") == {"right": 1, "unlabelled": 1}


def test_each_version_counts_for_itself_in_the_whole_and_in_its_segments(world: World) -> None:
    world.predict("a", version="v1", segments={"country": "de", "device": "phone"})
    world.predict("a", version="v2", segments={"country": "de"}, prediction="8")
    world.predict("b", version="v2", segments={"country": "fr"}, prediction="8")
    world.learn("a", "7")
    world.sleep(DAY + 1)
    assert world.counted(version="v1") == {"right": 1}
    assert world.counted(version="v2") == {"wrong": 1, "unlabelled": 1}
    assert world.counted(version="v1", segment="device=phone") == {"right": 1}
    assert world.counted(version="v2", segment="country=de") == {"wrong": 1}


def test_segments_and_classes_beyond_the_first_count_as_other(world: World) -> None:
    world.restart(max_segments=1, max_classes=2)
    for number in range(4):
        world.predict(str(number), prediction=number, segments={"user": str(number)})
        world.learn(str(number), number)
    world.sleep(DAY + 1)
    assert world.counted() == {"right": 4}
    assert world.counted(segment="user=0") == {"right": 1}
    assert world.counted(segment="other") == {"right": 3}
    assert world.counted("class_total") == {"0/0": 1, "1/1": 1, "other/other": 2}


def test_losses_are_of_what_has_a_truth_at_its_maturity(world: World) -> None:
    world.predict("a", prediction=3.5, confidence=None)
    world.predict("b", prediction=2, confidence=0.75)
    world.predict("c", prediction=100.0)
    world.learn("a", 1.5, value=-4.5)
    world.learn("b", 2)
    world.sleep(DAY + 1)
    assert world.counted("loss_count") == {"absolute": 2, "squared": 2, "brier": 1, "value": 1}
    assert world.counted("loss_sum") == {"absolute": 2, "squared": 4, "brier": 0.0625, "value": -4.5}
    assert world.counted("loss_square_sum") == {"absolute": 4, "squared": 16, "brier": 0.0625**2, "value": 20.25}


def test_a_truth_by_key_is_about_the_last_prediction_with_the_key_up_to_its_time(world: World) -> None:
    for request in ("first", "second"):
        world.predict(request, key="station 7")
        world.sleep(600)
    assert world.learn_by_key("station 7", world.now - 700, "7") == "matched"
    assert world.learn_by_key("station 7", world.now, "8") == "matched"
    assert world.learn_by_key("station 8", world.now, "7") == "waiting"
    world.predict("third", key="station 8", at=world.now - 60)
    world.sleep(DAY + 1)
    assert world.counted() == {"right": 2, "wrong": 1}


def test_what_is_wrong_is_said_of_each_item_and_the_others_count(world: World) -> None:
    answer = world.post(
        "predictions",
        world.prediction("good"),
        {**world.prediction("bad"), "at": "yesterday"},
        world.prediction("old", at=world.now - 31 * DAY),
        world.prediction("early", at=world.now + DAY),
        "nothing",
    )
    assert answer["accepted"] == 1
    assert [(each["index"], each["reason"].partition(":")[0]) for each in answer["rejected"]] == [
        (1, "at"),
        (2, "the prediction is older than what is kept"),
        (3, "the prediction is of the future"),
        (4, "Input should be a valid dictionary or instance of Prediction"),
    ]
    world.predict("figure", prediction=2.5)
    answer = world.post(
        "truths",
        world.truth("good", "7"),
        world.truth("figure", "a lot"),
        {**world.truth("both", 1), "key": "k"},
        {**world.truth("none", 1), "request": None, "key": "k"},
        {**world.truth("old", 1), "request": None, "key": "k", "at": world.now - 31 * DAY},
    )
    assert [each["state"] for each in answer["truths"]] == ["matched", *["rejected"] * 4]
    assert "is the number 2.5, and the truth 'a lot' is none" in answer["truths"][1]["reason"]


def test_what_is_too_old_goes_and_what_was_counted_stays(world: World) -> None:
    world.predict("a", "b")
    world.learn("a", "7")
    world.learn("nobody", "7")
    world.sleep(DAY + 1)
    world.count()
    assert world.rows() == {"predictions": 2, "waiting_truths": 1, "windows": 4}
    world.sleep(31 * DAY)
    world.service.retention.run(world.now)
    assert world.rows() == {"predictions": 0, "waiting_truths": 0, "windows": 0}
    assert world.counted() == {"right": 1, "unlabelled": 1}


def test_days_that_are_over_go_as_partitions_and_the_next_have_theirs(world: World, database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no partitions")

    def days() -> list[int]:
        with database.reading() as connection:
            names = connection.execute(text("SELECT relname FROM pg_class WHERE relname ~ '^predictions_[0-9]+$'"))
            return sorted(int(name.rpartition("_")[2]) for name in names.scalars())

    first = int(world.now // DAY)
    world.predict("a")
    world.service.retention.run(world.now)
    assert days() == [first, first + 1, first + 2]
    world.sleep(32 * DAY)
    world.service.retention.run(world.now)
    assert days() == [first + 2, first + 32, first + 33, first + 34]
    assert world.predict("b")["accepted"] == 1
