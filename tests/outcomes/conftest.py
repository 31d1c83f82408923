"""Both kinds of database, and the service over them."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from modelrollout_outcomes.storage.database import Database, open_database
from modelrollout_outcomes.storage.migrate import migrate
from tests.outcomes.postgres import PostgresServer, running_server
from tests.outcomes.world import World

_NUMBERS = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that all tests share."""
    with running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outcomes.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{next(_NUMBERS)}"
    engine = create_engine(server.url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server.url.rpartition('/')[0]}/{name}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """With the tables of the service."""
    opened = open_database(url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def world(database: Database) -> World:
    """A service over the database."""
    return World(database)
