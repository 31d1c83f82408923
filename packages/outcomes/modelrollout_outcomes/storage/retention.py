"""Remove what has been kept long enough, and what somebody asks to have removed."""

from dataclasses import dataclass

from sqlalchemy import delete, or_, select

from modelrollout_outcomes.counting import WINDOW_SECONDS
from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.tables import (
    SECONDS_OF_DAY,
    inputs,
    overdue,
    predictions,
    waiting_truths,
    windows,
)


@dataclass(frozen=True)
class Retention:
    """Single predictions and truths go by whole days. Totals stay."""

    database: Database
    seconds: float
    waiting_seconds: float
    """How long a truth waits for its prediction."""

    def run(self, now: float) -> int:
        """Remove what is too old. Returns how many days (PostgreSQL) or rows (SQLite) that was."""
        oldest = now - self.seconds
        self.database.make_room(range(int(now // SECONDS_OF_DAY), int(now // SECONDS_OF_DAY) + 3))
        removed = self.database.drop_before(int(oldest // SECONDS_OF_DAY))
        with self.database.writing() as connection:
            connection.execute(delete(waiting_truths).where(waiting_truths.c.truth_at < now - self.waiting_seconds))
            connection.execute(delete(windows).where(windows.c.number < int(oldest // WINDOW_SECONDS)))
        return removed


def forget_key(database: Database, rollout: int, key: str) -> int:
    """Remove every prediction with a key, its input and its truth. Returns how many predictions that were.

    What has been counted stays counted: it names nobody.
    """
    same = predictions.c.rollout == rollout, predictions.c.key == key
    with database.writing() as connection:
        database.share(connection, {rollout})
        requests = select(predictions.c.request).where(*same)
        for table in (inputs, overdue):
            connection.execute(delete(table).where(table.c.rollout == rollout, table.c.request.in_(requests)))
        by_key = or_(waiting_truths.c.key == key, waiting_truths.c.request.in_(requests))
        connection.execute(delete(waiting_truths).where(waiting_truths.c.rollout == rollout, by_key))
        return connection.execute(delete(predictions).where(*same)).rowcount
