"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("namespace", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.UniqueConstraint("namespace", "name", name="rollouts_by_name"),
    )
    op.create_table(
        "cohorts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("rollout", sa.Integer, sa.ForeignKey("rollouts.id"), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.UniqueConstraint("rollout", "version", "revision", name="cohorts_by_version"),
    )
    op.create_table(
        "maturities",
        sa.Column("rollout", sa.Integer, sa.ForeignKey("rollouts.id"), nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("matured_until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "seconds", name="maturities_pkey"),
    )
    op.create_table(
        "names",
        sa.Column("rollout", sa.Integer, sa.ForeignKey("rollouts.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "kind", "name", name="names_pkey"),
    )
    _create_by_day()
    _create_waiting()
    _create_counts("totals")
    _create_counts("windows", sa.Column("number", sa.Integer, nullable=False))


def downgrade() -> None:
    for name in (
        "windows",
        "totals",
        "waiting_truths",
        "overdue",
        "inputs",
        "predictions",
        "names",
        "maturities",
        "cohorts",
        "rollouts",
    ):
        op.drop_table(name)


def _create_by_day() -> None:
    op.create_table(
        "predictions",
        *_identity(),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("prediction", sa.Text),
        sa.Column("confidence", sa.Double),
        sa.Column("segments", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("arm", sa.Text),
        sa.Column("latency", sa.Double),
        sa.Column("shadow", sa.Boolean, nullable=False),
        sa.Column("truth", sa.Text),
        sa.Column("truth_value", sa.Double),
        sa.Column("truth_at", sa.Double),
        sa.Column("truth_by", sa.Text),
        sa.PrimaryKeyConstraint("rollout", "request", "cohort", "day", name="predictions_pkey"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("predictions_by_time", "predictions", ["rollout", "at"])
    op.create_index(
        "predictions_by_key", "predictions", ["rollout", "key"], postgresql_where=sa.text("key IS NOT NULL")
    )
    op.create_table(
        "inputs",
        *_identity(),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "request", "cohort", "day", name="inputs_pkey"),
        postgresql_partition_by="RANGE (day)",
    )


def _create_waiting() -> None:
    op.create_table(
        "overdue",
        *_identity(),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "seconds", "request", "cohort", "day", name="overdue_pkey"),
    )
    op.create_table(
        "waiting_truths",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("rollout", sa.Integer, nullable=False),
        sa.Column("request", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("at", sa.Double),
        sa.Column("truth", sa.Text, nullable=False),
        sa.Column("truth_value", sa.Double),
        sa.Column("truth_at", sa.Double, nullable=False),
        sa.Column("truth_by", sa.Text, nullable=False),
        sa.Column("looked_for", sa.Boolean, nullable=False),
        sa.UniqueConstraint("rollout", "request", name="waiting_truths_by_request"),
        sa.UniqueConstraint("rollout", "key", "at", name="waiting_truths_by_key"),
    )
    op.create_index(
        "waiting_truths_new", "waiting_truths", ["rollout"], postgresql_where=sa.text("looked_for IS false")
    )


def _create_counts(name: str, *more: sa.Column[int]) -> None:
    keys = ("rollout", "cohort", "seconds", *(column.name for column in more), "segment", "measure", "first", "second")
    op.create_table(
        name,
        sa.Column("rollout", sa.Integer, nullable=False),
        sa.Column("cohort", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        *more,
        *(sa.Column(column, sa.Text, nullable=False) for column in ("segment", "measure", "first", "second")),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Double, nullable=False),
        sa.Column("square", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint(*keys, name=f"{name}_pkey"),
    )


def _identity() -> tuple[sa.Column[int], sa.Column[str], sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("rollout", sa.Integer, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("cohort", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
    )
