"""PostgreSQL, from version 13 on."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, create_engine, text
from sqlalchemy.dialects.postgresql import insert

from modelrollout_outcomes.storage.database import Database

_LOCK_CLASS = 0x6D72
"""The first half of the keys of our advisory locks; the second is a rollout's id, or 0 for the tables."""

_PARTITIONED = ("predictions", "inputs")
_POOL = 8


class PostgreSQL(Database):
    """Rows of a day are a partition, which is dropped as a whole; rollouts are locked by advisory locks."""

    insert = staticmethod(insert)

    def __init__(self, url: URL) -> None:
        driver = url.set(drivername="postgresql+psycopg")
        super().__init__(
            create_engine(
                driver, pool_size=_POOL, max_overflow=0, pool_timeout=5, pool_pre_ping=True, connect_args=_CONNECT
            )
        )
        self._days: set[int] = set()

    def share(self, connection: Connection, rollouts: Collection[int]) -> None:
        for rollout in sorted(rollouts):
            connection.execute(_SHARED, {"class": _LOCK_CLASS, "id": rollout})

    def have_alone(self, connection: Connection, rollout: int) -> None:
        connection.execute(_ALONE, {"class": _LOCK_CLASS, "id": rollout})

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        with super().migrating() as connection:
            self.have_alone(connection, 0)
            yield connection

    def make_room(self, days: Collection[int]) -> None:
        missing = sorted(set(days) - self._days)
        if not missing:
            return
        with self.migrating() as connection:
            for day in missing:
                for table in _PARTITIONED:
                    connection.execute(
                        text(
                            f"CREATE TABLE IF NOT EXISTS {table}_{day} PARTITION OF {table}"
                            f" FOR VALUES FROM ({day}) TO ({day + 1})"
                        )
                    )
        self._days.update(missing)

    def drop_before(self, day: int) -> int:
        with self.migrating() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            partitions = connection.execute(_PARTITIONS, {"tables": list(_PARTITIONED)}).scalars().all()
            old = [name for name in partitions if int(name.rpartition("_")[2]) < day]
            for name in old:
                connection.execute(text(f"DROP TABLE {name}"))
        self._days = {each for each in self._days if each >= day}
        return len(old)


_SHARED = text("SELECT pg_advisory_xact_lock_shared(:class, :id)")
_ALONE = text("SELECT pg_advisory_xact_lock(:class, :id)")
_PARTITIONS = text(
    "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
    " JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = ANY(:tables) AND child.relkind = 'r'"
)
_CONNECT = {"connect_timeout": 5, "options": "-c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"}
