"""Counts, added to and read."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Table, select

from modelrollout_outcomes.counting import OTHER, Cell, Tallies, Tally, total
from modelrollout_outcomes.storage.database import Database, insert_new
from modelrollout_outcomes.storage.tables import cohorts, names, rollouts, totals, windows


class Count(NamedTuple):
    """A count with the names of what it is of. `seconds` is the maturity."""

    namespace: str
    rollout: str
    version: str
    revision: str
    seconds: int
    cell: Cell
    tally: Tally


class Names:
    """The segments and classes that a rollout's counts are by; those beyond the first `limits` of a kind are OTHER."""

    def __init__(self, database: Database, connection: Connection, rollout: int, limits: Mapping[str, int]) -> None:
        self._database, self._connection, self._rollout, self._limits = database, connection, rollout, limits
        self._known: dict[str, set[str]] = {kind: set() for kind in limits}
        for kind, name in connection.execute(select(names.c.kind, names.c.name).where(names.c.rollout == rollout)):
            self._known.setdefault(kind, set()).add(name)

    def __call__(self, kind: str, name: str) -> str:
        known = self._known[kind]
        if name in known:
            return name
        if len(known) >= self._limits[kind]:
            return OTHER
        row = {"rollout": self._rollout, "kind": kind, "name": name}
        self._connection.execute(insert_new(self._database, names).values(row))
        known.add(name)
        return name


def add_windows(
    database: Database, connection: Connection, rollout: int, seconds: int, counted: Mapping[int, Tallies]
) -> None:
    """Add counts by window to the windows and to the totals."""
    rows = [row for number, cells in counted.items() for row in _rows(rollout, seconds, cells, number=number)]
    _add(database, connection, windows, rows)
    add_totals(database, connection, rollout, seconds, total(counted))


def add_totals(database: Database, connection: Connection, rollout: int, seconds: int, counted: Tallies) -> None:
    """Add counts to the totals alone."""
    _add(database, connection, totals, list(_rows(rollout, seconds, counted)))


def all_totals(connection: Connection) -> Iterator[Count]:
    """Everything that has been counted, in an order that stays."""
    selected = (
        select(rollouts.c.namespace, rollouts.c.name, cohorts.c.version, cohorts.c.revision, totals)
        .join(rollouts, rollouts.c.id == totals.c.rollout)
        .join(cohorts, cohorts.c.id == totals.c.cohort)
        .order_by(*totals.primary_key.columns)
    )
    for row in connection.execute(selected):
        cell = Cell(row.cohort, row.segment, row.measure, row.first, row.second)
        tally = Tally(row._mapping["count"], row.total, row.square)
        yield Count(row.namespace, row.name, row.version, row.revision, row.seconds, cell, tally)


def _rows(rollout: int, seconds: int, cells: Tallies, **more: int) -> Iterator[dict[str, object]]:
    for cell, tally in cells.items():
        yield {"rollout": rollout, "seconds": seconds, **more, **cell._asdict(), **vars(tally)}


def _add(database: Database, connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    keys = [column.name for column in table.primary_key.columns]
    statement = database.insert(table)
    added = {name: table.c[name] + statement.excluded[name] for name in ("count", "total", "square")}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=added)
    # In one order everywhere, so that two transactions that add to the same counts do not wait for each other.
    connection.execute(statement, sorted(rows, key=lambda row: tuple(map(str, map(row.__getitem__, keys)))))
