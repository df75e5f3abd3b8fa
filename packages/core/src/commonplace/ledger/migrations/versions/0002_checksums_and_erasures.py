"""Checksums of records and vectors, receipts of erasures, and what audit files tell of.

Revision ID: 0002
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_SUMMED = (
    *("id", "scope_id", "key", "kind", "value", "tags", "metadata", "source"),
    *("created_at", "updated_at", "valid_from", "valid_to", "archived_at", "version", "has_text"),
    *("importance", "content"),
)


def upgrade() -> None:
    """Add the columns and tables, and reckon the checksums of what is there."""
    for table in ("records", "versions", "vectors", "version_vectors"):
        checksum = sa.Column("checksum", sa.BigInteger(), server_default="0", nullable=False)
        op.add_column(table, checksum)
    op.create_table(
        "erasures",
        sa.Column("number", _Key, nullable=False),
        sa.Column("id", _Text, nullable=False),
        sa.Column("pending", _Text, nullable=False),
        sa.Column("receipt", _Text, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audited",
        sa.Column("seq", _Key, nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _sum_up()


def _sum_up() -> None:
    driver: Any = op.get_bind().connection.driver_connection
    driver.create_function("checksum_of_record", len(_SUMMED), _checksum, deterministic=True)
    driver.create_function("checksum_of_vector", 1, crc32, deterministic=True)
    for table in ("records", "versions"):
        op.execute(f"UPDATE {table} SET checksum = checksum_of_record({', '.join(_SUMMED)})")  # noqa: S608 - our own names
    for table in ("vectors", "version_vectors"):
        op.execute(f"UPDATE {table} SET checksum = checksum_of_vector(vector)")  # noqa: S608 - as above


def _checksum(*values: Any) -> int:
    # As `commonplace.ledger.rows` does it. That may change one day, this may not.
    *rest, importance, content = values
    return crc32("\x1f".join(map(str, (*rest, importance + 0.0, content))).encode())
