"""Store predictions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from modelrollout_outcomes.known import Known
from modelrollout_outcomes.records import Prediction
from modelrollout_outcomes.storage.database import Database, insert_new
from modelrollout_outcomes.storage.directory import CohortName, Directory, RolloutName, matured_until
from modelrollout_outcomes.storage.rows import as_json
from modelrollout_outcomes.storage.tables import SECONDS_OF_DAY, inputs, overdue, predictions
from modelrollout_outcomes.storage.truths import TruthStore

_Key = tuple[int, str, int, int]
_Row = dict[str, Any]


@dataclass(frozen=True)
class PredictionStore:
    """Predictions of any rollouts, each stored once."""

    database: Database
    directory: Directory
    truths: TruthStore

    def store(self, records: Iterable[Prediction]) -> int:
        """Store what is not stored yet, all or nothing. Returns how many that were.

        Raises BusyError when the database has no time or is away; then nothing is stored.
        """
        rows, bodies = self._rows(records)
        self.database.make_room({day for _, _, _, day in rows})
        with self.database.writing() as connection:
            self.database.share(connection, {rollout for rollout, *_ in rows})
            new = self._insert(connection, list(rows.values()))
            self._insert_inputs(connection, [bodies[key] for key in new if key in bodies])
            for rollout, stored in _by_rollout(rows[key] for key in new).items():
                self._note_overdue(connection, rollout, stored)
                self.truths.match_new(connection, rollout, [_known(row) for row in stored])
        return len(new)

    def _rows(self, records: Iterable[Prediction]) -> tuple[dict[_Key, _Row], dict[_Key, _Row]]:
        rows: dict[_Key, _Row] = {}
        bodies: dict[_Key, _Row] = {}
        for record in records:
            rollout = self.directory.rollout(RolloutName(record.namespace, record.rollout))
            cohort = self.directory.cohort(CohortName(rollout, record.version, record.revision))
            key = rollout, record.request, cohort, int(record.at // SECONDS_OF_DAY)
            if key not in rows:
                rows[key] = _row(key, record)
                if record.input is not None:
                    bodies[key] = {**dict(zip(_KEY, key, strict=True)), "body": as_json(record.input)}
        return rows, bodies

    def _insert(self, connection: Connection, rows: Sequence[_Row]) -> list[_Key]:
        if not rows:
            return []
        statement = insert_new(self.database, predictions).returning(*(predictions.c[name] for name in _KEY))
        return [tuple(row) for row in connection.execute(statement, rows)]

    def _insert_inputs(self, connection: Connection, bodies: Sequence[_Row]) -> None:
        if bodies:
            connection.execute(insert_new(self.database, inputs), bodies)

    def _note_overdue(self, connection: Connection, rollout: int, stored: Sequence[_Row]) -> None:
        """Those that arrived after they should have been counted are counted the next time that somebody counts."""
        rows = [
            {**{name: row[name] for name in _KEY}, "seconds": seconds}
            for seconds, until in matured_until(connection, rollout).items()
            for row in stored
            if row["at"] <= until
        ]
        if rows:
            connection.execute(insert_new(self.database, overdue), rows)


_KEY = ("rollout", "request", "cohort", "day")


def _row(key: _Key, record: Prediction) -> _Row:
    segments = [f"{name}={value}" for name, value in sorted(record.segments.items())]
    return {
        **dict(zip(_KEY, key, strict=True)),
        "at": record.at,
        "prediction": as_json(record.prediction),
        "confidence": record.confidence,
        "segments": as_json(segments) if segments else None,
        "key": record.key,
        "endpoint": record.endpoint,
        "arm": record.arm,
        "latency": record.latency,
        "shadow": record.shadow,
    }


def _known(row: Mapping[str, Any]) -> Known:
    return Known(row["request"], row["cohort"], row["day"], row["at"], key=row["key"])


def _by_rollout(rows: Iterable[_Row]) -> Mapping[int, list[_Row]]:
    found: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row["rollout"]].append(row)
    return found
