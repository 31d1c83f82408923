"""Champion and challenger on the requests that both answered."""

from typing import Any

import pytest
from sqlalchemy import select

from modelrollout_outcomes.pairing import outcome
from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.pairs import release_inputs
from modelrollout_outcomes.storage.tables import inputs
from tests.outcomes.world import World


def both(world: World, request: str, champion: Any, challenger: Any) -> None:
    world.predict(request, version="v1", prediction=champion, confidence=0.75, latency=0.25)
    world.predict(request, version="v2", prediction=challenger, confidence=0.5, latency=0.5, shadow=True)


def pairs(world: World, **more: Any) -> Any:
    query = {"champion": "v1", "challenger": "v2", "end": world.now + 60, **more}
    return world.client.get("/v1/rollouts/ml/digits/pairs", params=query).json()


@pytest.mark.parametrize(
    ("champion", "challenger", "truth", "counted_as"),
    [
        ("7", "7", None, "agreed"),
        (7, 7.0, "8", "agreed"),
        ("7", "8", None, "unlabelled"),
        ("7", "8", "7", "worse"),
        ("7", "8", "8", "better"),
        ("7", "8", "9", "agreed"),
        (None, "8", "8", "better"),
        (None, None, None, "unlabelled"),
    ],
)
def test_only_a_disagreement_needs_a_truth(champion: Any, challenger: Any, truth: Any, counted_as: str) -> None:
    assert outcome(champion, challenger, truth) == counted_as


def test_pairs_are_joined_by_request_whatever_came_first_and_counted_by_the_minute(world: World) -> None:
    both(world, "same", "7", "7")
    both(world, "worse", "7", "8")
    world.predict("alone", version="v1")
    world.sleep(60)
    both(world, "better", "7", "8")
    both(world, "open", "7", "8")
    world.learn("worse", "7")
    world.learn("better", "8")
    answer = pairs(world)
    assert [
        {name: count for name, count in each.items() if count and name != "start"} for each in answer["windows"]
    ] == [
        {"agreed": 1, "worse": 1},
        {"better": 1, "unlabelled": 1},
    ]
    assert answer["windows"][1]["start"] - answer["windows"][0]["start"] == 60
    assert {(each["champion"], each["challenger"]): each["count"] for each in answer["answers"]} == {
        ("7", "8"): 3,
        ("7", "7"): 1,
    }
    assert answer["confidence"] == {"mean": -0.25, "count": 4}
    assert answer["latency"] == {"mean": 0.25, "count": 4}


def test_a_truth_counts_for_both_predictions_of_its_request(world: World) -> None:
    both(world, "a", "7", "8")
    world.learn("a", "7")
    world.sleep(86401)
    assert world.counted(version="v1") == {"right": 1}
    assert world.counted(version="v2") == {"wrong": 1}


def test_pairs_of_a_stretch_of_time_are_those_of_its_requests(world: World) -> None:
    both(world, "before", "7", "7")
    world.sleep(60)
    both(world, "within", "7", "8")
    assert [each["unlabelled"] for each in pairs(world, start=world.now)["windows"]] == [1]
    assert pairs(world, champion="v0")["windows"] == []


def test_inputs_of_mirrored_requests_are_kept_for_disagreements_without_a_truth_alone(
    world: World, database: Database
) -> None:
    def kept() -> set[str]:
        release_inputs(database, world.now - 3600)
        with database.reading() as connection:
            return set(connection.execute(select(inputs.c.request)).scalars())

    for request, champion in (("same", "8"), ("other", "7"), ("asked", "8"), ("alone", None)):
        if champion:
            captured = {"input": [1]} if request == "asked" else {}
            world.predict(request, version="v1", prediction=champion, **captured)
        world.predict(request, version="v2", prediction="8", shadow=True, input=[1])
    assert kept() == {"other", "asked", "alone"}
    world.learn("other", "8")
    world.sleep(3601)
    assert kept() == {"asked"}
