"""What is hidden in a scope, by its scope first.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Put indexes by scope in the place of those by moment, and one beside that on expiry."""
    for name, column in (
        ("expiry", "expires_at"),
        ("closing", "valid_to"),
        ("archive", "archived_at"),
    ):
        op.create_index(
            f"records_in_scope_by_{name}",
            "records",
            ["scope_id", column],
            unique=False,
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    op.drop_index("records_by_closing", "records")
    op.drop_index("records_by_archive", "records")
