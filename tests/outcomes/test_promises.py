"""What holds for every order of events, every replica, and every version of the tables."""

from itertools import permutations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fastapi import HTTPException

from modelrollout_outcomes.service.app import create_app
from modelrollout_outcomes.service.state import Service
from modelrollout_outcomes.service.turns import Turns
from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.migrate import migrate
from modelrollout_outcomes.storage.tables import metadata
from tests.outcomes.world import DAY, World


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_the_counts_are_the_same_in_whatever_order_things_arrive(world: World, order: tuple[int, ...]) -> None:
    sent = world.now
    events = (
        lambda: world.predict("a", at=sent),
        lambda: world.predict("b", at=sent, key="k"),
        lambda: world.learn("a", "7"),
        lambda: world.learn_by_key("k", sent, "8"),
    )
    for index in order:
        events[index]()
    world.sleep(DAY + 1)
    assert world.counted() == {"right": 1, "wrong": 1}


def test_replicas_that_count_in_turn_count_each_prediction_once(world: World, database: Database) -> None:
    other = Service.of(world.service.settings, database, lambda: world.now)
    for number in range(20):
        world.predict(str(number))
        world.sleep(DAY / 8)
        (world.service, other)[number % 2].maturing.run(world.now)
        (other, world.service)[number % 2].maturing.run(world.now)
    world.sleep(DAY)
    assert world.counted() == {"unlabelled": 20}


def test_the_migrations_make_the_tables_that_the_code_names(database: Database) -> None:
    migrate(database)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_route_that_takes_something_says_what_in_openapi(world: World) -> None:
    paths = create_app(world.service).openapi()["paths"]
    item = paths["/v1/predictions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    required = item["properties"]["predictions"]["items"]["required"]
    assert {"request", "namespace", "rollout", "version", "at"} == set(required)
    assert "/v1/rollouts/{namespace}/{rollout}/pairs" in paths


async def test_who_comes_when_all_writers_are_busy_is_told_when_to_come_again() -> None:
    turns = Turns(1)
    async with turns.turn():
        with pytest.raises(HTTPException) as refused:
            await turns.turn().__aenter__()
    assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "1"})
    async with turns.turn():
        assert await turns.run(int, "7") == 7


def test_what_is_too_long_is_refused_and_gives_its_turn_back(world: World) -> None:
    world.restart(max_requests=1, max_body=100)
    assert world.client.post("/v1/predictions", json={"predictions": ["x" * 200]}).status_code == 413
    assert world.client.post("/v1/predictions", json={"predictions": []}).status_code == 200
