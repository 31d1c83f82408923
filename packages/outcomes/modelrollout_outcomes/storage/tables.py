"""The tables. Values of predictions and truths are JSON, so that `7`, `7.0` and `"7"` stay what they were.

What belongs to one request is stored by its `day`, in days since the epoch, which PostgreSQL partitions by.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

SECONDS_OF_DAY = 86400

metadata = MetaData()

_BIG = BigInteger().with_variant(Integer, "sqlite")

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("namespace", "name", name="rollouts_by_name"),
)

cohorts = Table(
    "cohorts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("rollout", ForeignKey("rollouts.id"), nullable=False),
    Column("version", Text, nullable=False),
    Column("revision", Text, nullable=False),
    UniqueConstraint("rollout", "version", "revision", name="cohorts_by_version"),
)

maturities = Table(
    "maturities",
    metadata,
    Column("rollout", ForeignKey("rollouts.id"), nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("matured_until", Double, nullable=False),
    PrimaryKeyConstraint("rollout", "seconds", name="maturities_pkey"),
)
"""The times since a request at which predictions count, each with the youngest request that has been counted."""

names = Table(
    "names",
    metadata,
    Column("rollout", ForeignKey("rollouts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("rollout", "kind", "name", name="names_pkey"),
)
"""The segments and classes of a rollout that are counted by their names."""

predictions = Table(
    "predictions",
    metadata,
    Column("rollout", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("cohort", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("prediction", Text),
    Column("confidence", Double),
    Column("segments", Text),
    Column("key", Text),
    Column("endpoint", Text, nullable=False),
    Column("arm", Text),
    Column("latency", Double),
    Column("shadow", Boolean, nullable=False),
    Column("truth", Text),
    Column("truth_value", Double),
    Column("truth_at", Double),
    Column("truth_by", Text),
    PrimaryKeyConstraint("rollout", "request", "cohort", "day", name="predictions_pkey"),
    Index("predictions_by_time", "rollout", "at"),
    Index("predictions_by_key", "rollout", "key", postgresql_where=Column("key").is_not(None)),
    postgresql_partition_by="RANGE (day)",
)

inputs = Table(
    "inputs",
    metadata,
    Column("rollout", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("cohort", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("rollout", "request", "cohort", "day", name="inputs_pkey"),
    postgresql_partition_by="RANGE (day)",
)

overdue = Table(
    "overdue",
    metadata,
    Column("rollout", Integer, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("cohort", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    PrimaryKeyConstraint("rollout", "seconds", "request", "cohort", "day", name="overdue_pkey"),
)
"""Predictions that arrived when their maturity was over, until they are counted."""

waiting_truths = Table(
    "waiting_truths",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("rollout", Integer, nullable=False),
    Column("request", Text),
    Column("key", Text),
    Column("at", Double),
    Column("truth", Text, nullable=False),
    Column("truth_value", Double),
    Column("truth_at", Double, nullable=False),
    Column("truth_by", Text, nullable=False),
    Column("looked_for", Boolean, nullable=False),
    UniqueConstraint("rollout", "request", name="waiting_truths_by_request"),
    UniqueConstraint("rollout", "key", "at", name="waiting_truths_by_key"),
    Index("waiting_truths_new", "rollout", postgresql_where=Column("looked_for").is_(False)),
)
"""Truths that came before their prediction."""


def _counts(name: str, *more: Column[int]) -> Table:
    columns = (
        "rollout",
        "cohort",
        "seconds",
        *(column.name for column in more),
        "segment",
        "measure",
        "first",
        "second",
    )
    return Table(
        name,
        metadata,
        Column("rollout", Integer, nullable=False),
        Column("cohort", Integer, nullable=False),
        Column("seconds", Integer, nullable=False),
        *more,
        Column("segment", Text, nullable=False),
        Column("measure", Text, nullable=False),
        Column("first", Text, nullable=False),
        Column("second", Text, nullable=False),
        Column("count", BigInteger, nullable=False),
        Column("total", Double, nullable=False),
        Column("square", Double, nullable=False),
        PrimaryKeyConstraint(*columns, name=f"{name}_pkey"),
    )


totals = _counts("totals")
"""What has been counted, for ever, by maturity."""

windows = _counts("windows", Column("number", Integer, nullable=False))
"""The same by window of request time, kept as long as predictions are."""
