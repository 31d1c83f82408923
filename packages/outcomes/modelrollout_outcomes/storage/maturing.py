"""Count the predictions whose maturity is over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from modelrollout_outcomes.counting import tally
from modelrollout_outcomes.known import Known
from modelrollout_outcomes.storage.database import Database, insert_new
from modelrollout_outcomes.storage.directory import matured_until
from modelrollout_outcomes.storage.rows import known_predictions, read
from modelrollout_outcomes.storage.tables import maturities, overdue, predictions, rollouts
from modelrollout_outcomes.storage.totals import Names, add_windows
from modelrollout_outcomes.storage.truths import TruthStore

SLICE = 10_000
"""Predictions that are counted in one transaction."""


@dataclass(frozen=True)
class Maturing:
    """Counting moves the line up to which requests are counted, in the transaction that adds the counts."""

    database: Database
    truths: TruthStore
    default: Collection[int]
    """The maturities, in seconds, that every rollout is counted at."""

    def run(self, now: float) -> int:
        """Count, for each rollout and maturity, all that has matured. Returns how many predictions that were."""
        with self.database.reading() as connection:
            found = connection.execute(select(rollouts.c.id).order_by(rollouts.c.id)).scalars().all()
        return sum(self._rollout(rollout, now) for rollout in found)

    def _rollout(self, rollout: int, now: float) -> int:
        while self._match_unseen(rollout):
            pass
        counted = 0
        for seconds in self._maturities(rollout):
            while (more := self._slice(rollout, seconds, now)) is not None:
                counted += more
        return counted

    def _match_unseen(self, rollout: int) -> bool:
        with self.database.writing() as connection:
            self.database.have_alone(connection, rollout)
            return self.truths.match_unseen(connection, rollout)

    def _maturities(self, rollout: int) -> list[int]:
        with self.database.writing() as connection:
            if missing := set(self.default) - matured_until(connection, rollout).keys():
                want_maturities(self.database, connection, rollout, missing)
            return sorted(matured_until(connection, rollout))

    def _slice(self, rollout: int, seconds: int, now: float) -> int | None:
        """Count the next ones. None when there are no more."""
        with self.database.writing() as connection:
            self.database.have_alone(connection, rollout)
            counted_until = matured_until(connection, rollout)[seconds]
            until = _end_of_slice(connection, rollout, counted_until, now - seconds)
            time = known_predictions(rollout).selected_columns.at
            found = read(connection, known_predictions(rollout).where(time > counted_until, time <= until))
            found += self._take_overdue(connection, rollout, seconds)
            if not found and until >= now - seconds:
                # A line that moves while nothing is counted would be a write for nothing.
                return None
            self._add(connection, rollout, seconds, found)
            line = and_(maturities.c.rollout == rollout, maturities.c.seconds == seconds)
            connection.execute(update(maturities).where(line).values(matured_until=max(until, counted_until)))
            return len(found)

    def _add(self, connection: Connection, rollout: int, seconds: int, found: Sequence[Known]) -> None:
        names = Names(self.database, connection, rollout, self.truths.limits)
        add_windows(self.database, connection, rollout, seconds, tally(found, seconds, names))

    def _take_overdue(self, connection: Connection, rollout: int, seconds: int) -> list[Known]:
        same = [overdue.c[name] == predictions.c[name] for name in ("rollout", "request", "cohort", "day")]
        mine = and_(overdue.c.rollout == rollout, overdue.c.seconds == seconds)
        found = read(connection, known_predictions(rollout).join(overdue, and_(*same)).where(mine))
        if found:
            connection.execute(delete(overdue).where(mine))
        return found


def want_maturities(database: Database, connection: Connection, rollout: int, wanted: Collection[int]) -> None:
    """Have a rollout counted at these maturities too, in seconds, from its oldest prediction on."""
    rows: list[dict[str, Any]] = [{"rollout": rollout, "seconds": each, "matured_until": 0.0} for each in wanted]
    connection.execute(insert_new(database, maturities), rows)


def _end_of_slice(connection: Connection, rollout: int, after: float, until: float) -> float:
    """The time up to which there are about SLICE requests, at most `until`."""
    time = predictions.c.at
    within = (predictions.c.rollout == rollout, time > after, time <= until)
    beyond = select(time).where(*within).order_by(time).offset(SLICE).limit(1)
    found = connection.execute(beyond).scalar_one_or_none()
    return until if found is None else found
