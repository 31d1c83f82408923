"""How Alembic runs the migrations: in the transaction that it is given."""

from alembic import context

from modelrollout_outcomes.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
