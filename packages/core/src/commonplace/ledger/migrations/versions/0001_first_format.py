"""The first format: every table of the ledger, and the full-text index.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FULL_TEXT = """
CREATE VIRTUAL TABLE full_text USING fts5(
  content, scopes, content='', tokenize="porter unicode61 remove_diacritics 2"
)
"""
_VERSION_TEXT = _FULL_TEXT.replace("full_text", "version_text")


def upgrade() -> None:
    """Create everything, and the root scope."""
    op.create_table(
        "journal",
        sa.Column("seq", _Key, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("record_pk", _Key, nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("vectors", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", _Key, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "links",
        sa.Column("id", _Key, nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_id", "type", "target_id"),
    )
    for end, other in (("source", "target"), ("target", "source")):
        op.create_index(
            f"links_by_{end}",
            "links",
            [f"{end}_id", sa.literal_column("weight DESC"), "created_at", f"{other}_id", "type"],
            unique=False,
        )
    op.create_table(
        "scopes",
        sa.Column("id", _Key, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "spaces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("vectors", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "index_state",
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("applied_seq", _Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"],
            ["spaces.id"],
        ),
        sa.PrimaryKeyConstraint("space_id"),
    )
    op.create_table(
        "records",
        sa.Column("pk", _Key, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("importance", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("has_text", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scope_id"],
            ["scopes.id"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("records_by_content", "records", ["scope_id", "content_hash"], unique=False)
    op.create_index(
        "records_by_created", "records", [sa.literal_column("created_at DESC"), "id"], unique=False
    )
    op.create_index(
        "records_by_expiry",
        "records",
        ["expires_at", "scope_id"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_index(
        "records_by_key",
        "records",
        ["scope_id", "key"],
        unique=True,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_index(
        "records_by_updated", "records", [sa.literal_column("updated_at DESC"), "id"], unique=False
    )
    op.create_index(
        "records_in_scope_by_created",
        "records",
        ["scope_id", sa.literal_column("created_at DESC"), "id"],
        unique=False,
    )
    op.create_index(
        "records_in_scope_by_updated",
        "records",
        ["scope_id", sa.literal_column("updated_at DESC"), "id"],
        unique=False,
    )
    op.create_index(
        "records_by_closing",
        "records",
        ["valid_to", "scope_id"],
        unique=False,
        sqlite_where=sa.text("valid_to IS NOT NULL"),
        postgresql_where=sa.text("valid_to IS NOT NULL"),
    )
    op.create_index(
        "records_by_archive",
        "records",
        ["archived_at", "scope_id"],
        unique=False,
        sqlite_where=sa.text("archived_at IS NOT NULL"),
        postgresql_where=sa.text("archived_at IS NOT NULL"),
    )
    op.create_table(
        "versions",
        sa.Column("pk", _Key, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("importance", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("has_text", sa.Integer(), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=False),
        sa.Column("replaced_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scope_id"],
            ["scopes.id"],
        ),
        sa.PrimaryKeyConstraint("pk"),
        sa.UniqueConstraint("id", "version"),
    )
    op.create_index("versions_by_scope", "versions", ["scope_id", "replaced_at"], unique=False)
    op.create_index("versions_by_end", "versions", ["replaced_at"], unique=False)
    op.create_index(
        "versions_by_key",
        "versions",
        ["scope_id", "key"],
        unique=False,
        sqlite_where=sa.text("key IS NOT NULL"),
        postgresql_where=sa.text("key IS NOT NULL"),
    )
    op.create_table(
        "version_vectors",
        sa.Column("id", _Key, nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("version_pk", _Key, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"],
            ["spaces.id"],
        ),
        sa.ForeignKeyConstraint(
            ["version_pk"],
            ["versions.pk"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version_pk", "space_id", "ordinal"),
    )
    op.create_table(
        "scope_tree",
        sa.Column("ancestor_id", _Key, nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["ancestor_id"],
            ["scopes.id"],
        ),
        sa.ForeignKeyConstraint(
            ["scope_id"],
            ["scopes.id"],
        ),
        sa.PrimaryKeyConstraint("ancestor_id", "scope_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("scope_tree_by_scope", "scope_tree", ["scope_id", "ancestor_id"], unique=False)
    op.create_table(
        "threads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("max_messages", sa.Integer(), nullable=True),
        sa.Column("message_ttl", sa.BigInteger(), nullable=True),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("next_position", sa.Integer(), nullable=False),
        sa.Column("extracted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scope_id"],
            ["scopes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope_id", "key"),
    )
    op.create_index(
        "threads_by_activity", "threads", [sa.literal_column("updated_at DESC"), "id"], unique=False
    )
    op.create_index(
        "threads_in_scope_by_activity",
        "threads",
        ["scope_id", sa.literal_column("updated_at DESC"), "id"],
        unique=False,
    )
    op.create_index(
        "threads_by_expiry",
        "threads",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "messages",
        sa.Column("record_pk", _Key, nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("role_type", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("token_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_pk"],
            ["records.pk"],
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"],
            ["threads.id"],
        ),
        sa.PrimaryKeyConstraint("record_pk"),
        sa.UniqueConstraint("thread_id", "position"),
    )
    op.create_index(
        "messages_by_id",
        "messages",
        ["thread_id", "id"],
        unique=True,
        sqlite_where=sa.text("id IS NOT NULL"),
        postgresql_where=sa.text("id IS NOT NULL"),
    )
    op.create_table(
        "vectors",
        sa.Column("id", _Key, nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("record_pk", _Key, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_pk"],
            ["records.pk"],
        ),
        sa.ForeignKeyConstraint(
            ["space_id"],
            ["spaces.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("space_id", "record_pk", "ordinal"),
    )
    op.execute("INSERT INTO scopes (id, path, depth, records, total) VALUES (1, '', 0, 0, 0)")
    op.execute("INSERT INTO scope_tree (ancestor_id, scope_id) VALUES (1, 1)")
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_FULL_TEXT)
        op.execute(_VERSION_TEXT)
