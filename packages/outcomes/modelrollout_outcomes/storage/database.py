"""The database, and what its two kinds do each in their own way."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from modelrollout_outcomes.errors import BusyError, OutcomesError


class Database(ABC):
    """Transactions, and what is not the same in every SQL. Of several threads."""

    insert: Callable[[Table], Any]
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state. Raises BusyError when the database has no time or is away."""
        with _typed_errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction whose changes are on disk when the body is left. Raises BusyError as `reading` does."""
        with _typed_errors(), self._begin_to_write() as connection:
            yield connection

    @contextmanager
    def _begin_to_write(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    @abstractmethod
    def share(self, connection: Connection, rollouts: Collection[int]) -> None:
        """Wait until nobody counts these rollouts, and keep anybody from it until the end of the transaction."""

    @abstractmethod
    def have_alone(self, connection: Connection, rollout: int) -> None:
        """Wait until nobody writes predictions and truths of a rollout, and keep everybody from it likewise."""

    @abstractmethod
    def make_room(self, days: Collection[int]) -> None:
        """Make the partitions of these days, in a transaction of its own."""

    @abstractmethod
    def drop_before(self, day: int) -> int:
        """Remove what belongs to requests of earlier days. Returns how many days or rows that was."""

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A transaction in which one process at a time changes the tables."""
        with self.writing() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The database of a URL: `postgresql://user:password@host/name` or `sqlite:///file`.

    Raises OutcomesError for another one.
    """
    from modelrollout_outcomes.storage.postgresql import PostgreSQL  # noqa: PLC0415
    from modelrollout_outcomes.storage.sqlite import SQLite  # noqa: PLC0415

    try:
        parsed = make_url(url)
    except Exception as error:
        raise OutcomesError("the database URL cannot be read; write postgresql://user:password@host/name") from error
    match parsed.get_backend_name():
        case "postgresql":
            return PostgreSQL(parsed)
        case "sqlite":
            return SQLite(parsed)
        case other:
            raise OutcomesError(f"databases of kind {other} are not supported: use postgresql:// or sqlite:///")


def insert_new(database: Database, table: Table) -> Insert:
    """An INSERT that leaves out what is there already."""
    statement: Insert = database.insert(table).on_conflict_do_nothing()
    return statement


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise BusyError(f"the database does not answer: {_first_line(error)}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise BusyError("the connection to the database is lost") from error
        raise


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0] or type(cause).__name__
