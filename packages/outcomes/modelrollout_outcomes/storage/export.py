"""Predictions with their truths, for training."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, select

from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.directory import RolloutName, find_rollout
from modelrollout_outcomes.storage.rows import from_stored
from modelrollout_outcomes.storage.tables import cohorts, inputs, predictions

_PAGE = 1000


def exported(database: Database, name: RolloutName) -> Iterator[dict[str, Any]]:
    """Every prediction of a rollout that has a truth, in order of request time, read as it is asked for."""
    with database.reading() as connection:
        rollout = find_rollout(connection, name)
        if rollout is None:
            return
        same = [inputs.c[column] == predictions.c[column] for column in ("rollout", "request", "cohort", "day")]
        selected = (
            select(predictions, cohorts.c.version, cohorts.c.revision, inputs.c.body)
            .join(cohorts, cohorts.c.id == predictions.c.cohort)
            .outerjoin(inputs, and_(*same))
            .where(predictions.c.rollout == rollout, predictions.c.truth.is_not(None))
            .order_by(predictions.c.at, predictions.c.request)
        )
        for row in connection.execution_options(yield_per=_PAGE).execute(selected):
            yield {
                "request": row.request,
                "at": row.at,
                "version": row.version,
                "revision": row.revision,
                "input": from_stored(row.body),
                "prediction": from_stored(row.prediction),
                "confidence": row.confidence,
                "truth": from_stored(row.truth),
                "truth_at": row.truth_at,
                "by": row.truth_by,
            }
