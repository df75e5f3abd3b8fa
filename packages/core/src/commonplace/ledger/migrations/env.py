"""Alembic's entry: runs the migrations on the connection that the ledger hands over."""

from __future__ import annotations

from alembic import context

from commonplace.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
)
context.run_migrations()
