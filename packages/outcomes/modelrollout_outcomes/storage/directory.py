"""The short numbers that rollouts and the versions of their models have in the database."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Select, Table, select

from modelrollout_outcomes.storage.database import Database, insert_new
from modelrollout_outcomes.storage.tables import cohorts, maturities, rollouts


class RolloutName(NamedTuple):
    """A ModelRollout, by where it is and what it is called."""

    namespace: str
    name: str


class CohortName(NamedTuple):
    """What made a prediction: a version of a rollout's model, and the revision of what it runs with."""

    rollout: int
    version: str
    revision: str


class Directory:
    """Numbers are given once and never changed, so they are remembered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rollouts: dict[RolloutName, int] = {}
        self._cohorts: dict[CohortName, int] = {}

    def rollout(self, name: RolloutName) -> int:
        """The number of a rollout, which is given one if it has none."""
        if name not in self._rollouts:
            with self._database.writing() as connection:
                connection.execute(insert_new(self._database, rollouts).values(name._asdict()))
                self._rollouts[name] = connection.execute(_same(rollouts, name._asdict())).scalar_one()
        return self._rollouts[name]

    def cohort(self, name: CohortName) -> int:
        """The number of a version of a rollout, likewise."""
        if name not in self._cohorts:
            with self._database.writing() as connection:
                connection.execute(insert_new(self._database, cohorts).values(name._asdict()))
                self._cohorts[name] = connection.execute(_same(cohorts, name._asdict())).scalar_one()
        return self._cohorts[name]


def find_rollout(connection: Connection, name: RolloutName) -> int | None:
    """The number of a rollout that something is known of, else None."""
    return connection.execute(_same(rollouts, name._asdict())).scalar_one_or_none()


def matured_until(connection: Connection, rollout: int) -> Mapping[int, float]:
    """The time of the youngest request that has been counted, by maturity in seconds."""
    rows = connection.execute(
        select(maturities.c.seconds, maturities.c.matured_until).where(maturities.c.rollout == rollout)
    )
    return {row.seconds: row.matured_until for row in rows}


def _same(table: Table, row: Mapping[str, object]) -> Select[int]:
    return select(table.c.id).where(*(table.c[column] == value for column, value in row.items()))
