"""Champion's and challenger's predictions of the same requests."""

from collections.abc import Iterator

from sqlalchemy import Select, and_, delete, exists, or_, select

from modelrollout_outcomes.pairing import Comparison, Pair, compare
from modelrollout_outcomes.storage.database import Database
from modelrollout_outcomes.storage.directory import RolloutName, find_rollout
from modelrollout_outcomes.storage.rows import COLUMNS, known
from modelrollout_outcomes.storage.tables import cohorts, inputs, predictions

_PAGE = 1000


def compared(
    database: Database, name: RolloutName, champion: str, challenger: str, start: float, end: float
) -> Comparison:
    """Compare two versions on the requests of a stretch of time, in seconds since the epoch, that both answered."""
    with database.reading() as connection:
        rollout = find_rollout(connection, name)
        if rollout is None:
            return Comparison()
        selected = _joined(rollout, champion, challenger, start, end)
        rows = connection.execution_options(yield_per=_PAGE).execute(selected)
        return compare(_pairs(iter(rows)))


def release_inputs(database: Database, unpaired_before: float) -> int:
    """Remove the inputs of mirrored requests that no longer help. Returns how many that were.

    They are kept until the pair is joined, and those of disagreements until their truth is known; those of requests
    before `unpaired_before`, in seconds since the epoch, that only the shadow answered, no longer.
    """
    shadow, other = predictions.alias("shadow"), predictions.alias("other")
    same = [inputs.c[name] == shadow.c[name] for name in ("rollout", "request", "cohort", "day")]
    paired = exists().where(
        other.c.rollout == shadow.c.rollout, other.c.request == shadow.c.request, other.c.shadow.is_(False)
    )
    agree = paired.where(other.c.prediction == shadow.c.prediction)
    alone = and_(~paired, shadow.c.at < unpaired_before)
    done = exists().where(*same, shadow.c.shadow.is_(True), or_(shadow.c.truth.is_not(None), agree, alone))
    with database.writing() as connection:
        return connection.execute(delete(inputs).where(done)).rowcount


def _joined(rollout: int, champion: str, challenger: str, start: float, end: float) -> Select[tuple[object, ...]]:
    one, other = predictions.alias("champion"), predictions.alias("challenger")
    of_version = select(cohorts.c.id).where(cohorts.c.rollout == rollout)
    names = [column.name for column in COLUMNS]
    return (
        select(*(one.c[each] for each in names), *(other.c[each] for each in names), one.c.latency, other.c.latency)
        .join(other, and_(other.c.rollout == rollout, other.c.request == one.c.request))
        .where(one.c.rollout == rollout, one.c.at >= start, one.c.at < end)
        .where(one.c.cohort.in_(of_version.where(cohorts.c.version == champion)))
        .where(other.c.cohort.in_(of_version.where(cohorts.c.version == challenger)))
        .order_by(one.c.at)
    )


def _pairs(rows: Iterator[tuple[object, ...]]) -> Iterator[Pair]:
    width = len(COLUMNS)
    for row in rows:
        *both, champion_latency, challenger_latency = row
        yield Pair(known(both[:width]), known(both[width:]), champion_latency, challenger_latency)  # type: ignore[arg-type]
