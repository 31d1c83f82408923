"""SQLite: one file, one writer at a time, which is why no rollout needs a lock of its own."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, create_engine, delete, event
from sqlalchemy.dialects.sqlite import insert

from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.tables import inputs, predictions

_WAIT_SECONDS = 10


class SQLite(Database):
    """What is committed is on disk (WAL, synchronous=FULL); readers do not wait for the writer."""

    insert = staticmethod(insert)

    def __init__(self, url: URL) -> None:
        super().__init__(create_engine(url.set(drivername="sqlite"), connect_args={"timeout": _WAIT_SECONDS}))
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", _begin)
        self._writer = threading.Lock()

    @contextmanager
    def _begin_to_write(self) -> Iterator[Connection]:
        with self._writer, self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield connection

    def share(self, connection: Connection, rollouts: Collection[int]) -> None:
        """The transaction that writes is the only one."""

    def have_alone(self, connection: Connection, rollout: int) -> None:
        """The transaction that writes is the only one."""

    def make_room(self, days: Collection[int]) -> None:
        """There are no partitions."""

    def drop_before(self, day: int) -> int:
        with self.writing() as connection:
            return sum(
                connection.execute(delete(table).where(table.c.day < day)).rowcount for table in (predictions, inputs)
            )


def _prepare(connection: Any, _: Any) -> None:
    # Transactions are begun by `_begin`: the driver's own way starts them too late.
    connection.isolation_level = None
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
