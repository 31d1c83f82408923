"""Rows of predictions as the rules know them."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Select, bindparam, select, update

from modelrollout_outcomes.known import Known
from modelrollout_outcomes.records import Value
from modelrollout_outcomes.storage.tables import predictions

COLUMNS = (
    predictions.c.request,
    predictions.c.cohort,
    predictions.c.day,
    predictions.c.at,
    predictions.c.prediction,
    predictions.c.confidence,
    predictions.c.segments,
    predictions.c.key,
    predictions.c.truth,
    predictions.c.truth_value,
    predictions.c.truth_at,
    predictions.c.truth_by,
)


def known_predictions(rollout: int) -> Select[Any]:
    """Select the predictions of a rollout, for `read`."""
    return select(*COLUMNS).where(predictions.c.rollout == rollout)


def read(connection: Connection, selected: Select[Any]) -> list[Known]:
    """What a select by `known_predictions` finds."""
    return [known(row) for row in connection.execute(selected)]


def give_truths(connection: Connection, rollout: int, changed: Sequence[Known]) -> None:
    """Store the truths of predictions."""
    if changed:
        connection.execute(_GIVE, [_with_truth(rollout, each) for each in changed])


def as_json(value: Any) -> str | None:
    """A value as it is stored."""
    return None if value is None else to_json(value).decode()


def from_stored(text: str | None) -> Value | None:
    """A value that was stored by `as_json`."""
    value: Value | None = None if text is None else from_json(text)
    return value


def known(row: Sequence[Any]) -> Known:
    """A prediction of a row with COLUMNS."""
    request, cohort, day, at, prediction, confidence, segments, key, truth, value, truth_at, truth_by = row
    return Known(
        request,
        cohort,
        day,
        at,
        from_stored(prediction),
        confidence,
        tuple(from_json(segments)) if segments else (),
        key,
        from_stored(truth),
        value,
        truth_at,
        truth_by or "",
    )


def _with_truth(rollout: int, each: Known) -> dict[str, Any]:
    return {
        "of_rollout": rollout,
        "of_request": each.request,
        "of_cohort": each.cohort,
        "of_day": each.day,
        "truth": as_json(each.truth),
        "truth_value": each.value,
        "truth_at": each.truth_at,
        "truth_by": each.truth_by,
    }


_GIVE = (
    update(predictions)
    .where(
        predictions.c.rollout == bindparam("of_rollout"),
        predictions.c.request == bindparam("of_request"),
        predictions.c.cohort == bindparam("of_cohort"),
        predictions.c.day == bindparam("of_day"),
    )
    .values(
        truth=bindparam("truth"),
        truth_value=bindparam("truth_value"),
        truth_at=bindparam("truth_at"),
        truth_by=bindparam("truth_by"),
    )
)
