"""The first format: every table of the ledger, and the full-text index.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# On PostgreSQL texts compare by code point, as they do in SQLite.
_Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_String = sa.String().with_variant(sa.Text(collation="C"), "postgresql")
_FULL_TEXT = """
CREATE VIRTUAL TABLE full_text USING fts5(
  content, scopes, content='', tokenize="porter unicode61 remove_diacritics 2"
)
"""
_VERSION_TEXT = _FULL_TEXT.replace("full_text", "version_text")

_WORDS = """
CREATE TABLE {name} (
  pk bigint NOT NULL, part integer NOT NULL, words tsvector NOT NULL, PRIMARY KEY (pk, part)
);
CREATE INDEX {name}_by_word ON {name} USING gin (words)
"""
# JSON as it is written, of which every text can be read: what stands for U+0000 to U+0003 becomes
# the groups of `postgres_text`. No JSON of ours holds a control character as such: U+0005 is free.
_DOCUMENT = r"""
CREATE FUNCTION document(stored text) RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN strpos(stored, '\u000') = 0 THEN stored::json ELSE
  replace(replace(replace(replace(
    regexp_replace(stored, '(?<!\\)((?:\\\\)*)\\u000([0-3])', '\1' || chr(5) || '\2', 'g'),
    chr(5) || '0', '\u0001\u0002\u0002'), chr(5) || '1', '\u0001\u0002\u0003'),
    chr(5) || '2', '\u0001\u0003\u0002'), chr(5) || '3', '\u0001\u0003\u0003')::json
END
$$
"""
# A vector is read whole and does not shrink: it stays in its row where that has room for it. Some
# rows are changed by every write: room beside them spares the indexes that.
_ROOM = """
ALTER TABLE {name} ALTER vector SET STORAGE EXTERNAL;
ALTER TABLE {name} SET (toast_tuple_target = 8160)
"""
_OFTEN_CHANGED = ("scopes", "spaces", "index_state", "cursors")


def upgrade() -> None:
    """Create everything, and the root scope."""
    op.create_table(
        "journal",
        sa.Column("seq", _Key, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operation", _Text, nullable=False),
        sa.Column("record_pk", _Key, nullable=False),
        sa.Column("record_id", _Text, nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("vectors", sa.Integer(), nullable=False),
        sa.Column("detail", _Text, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cursors",
        sa.Column("name", _Text, nullable=False),
        sa.Column("seq", _Key, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "links",
        sa.Column("id", _Key, nullable=False),
        sa.Column("source_id", _Text, nullable=False),
        sa.Column("target_id", _Text, nullable=False),
        sa.Column("type", _Text, nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("reason", _Text, nullable=True),
        sa.Column("metadata", _Text, nullable=False),
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
        sa.Column("path", _Text, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "settings",
        sa.Column("name", _String, nullable=False),
        sa.Column("value", _Text, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "spaces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", _Text, nullable=False),
        sa.Column("identity", _Text, nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("metric", _Text, nullable=False),
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
        *_foreign_key("space_id", "spaces.id"),
        sa.PrimaryKeyConstraint("space_id"),
    )
    op.create_table(
        "records",
        sa.Column("pk", _Key, nullable=False),
        sa.Column("id", _Text, nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("key", _Text, nullable=True),
        sa.Column("kind", _Text, nullable=False),
        sa.Column("content", _Text, nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.Column("value", _Text, nullable=True),
        sa.Column("tags", _Text, nullable=False),
        sa.Column("metadata", _Text, nullable=False),
        sa.Column("importance", sa.Float(), nullable=False),
        sa.Column("source", _Text, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("has_text", sa.Integer(), nullable=False),
        *_foreign_key("scope_id", "scopes.id"),
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
        sa.Column("id", _Text, nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("key", _Text, nullable=True),
        sa.Column("kind", _Text, nullable=False),
        sa.Column("content", _Text, nullable=False),
        sa.Column("content_hash", sa.BigInteger(), nullable=False),
        sa.Column("value", _Text, nullable=True),
        sa.Column("tags", _Text, nullable=False),
        sa.Column("metadata", _Text, nullable=False),
        sa.Column("importance", sa.Float(), nullable=False),
        sa.Column("source", _Text, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("has_text", sa.Integer(), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=False),
        sa.Column("replaced_by", _Text, nullable=False),
        *_foreign_key("scope_id", "scopes.id"),
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
        sa.Column("origin", _Text, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        *_foreign_key("space_id", "spaces.id"),
        *_foreign_key("version_pk", "versions.pk"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version_pk", "space_id", "ordinal"),
    )
    op.create_table(
        "scope_tree",
        sa.Column("ancestor_id", _Key, nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        *_foreign_key("ancestor_id", "scopes.id"),
        *_foreign_key("scope_id", "scopes.id"),
        sa.PrimaryKeyConstraint("ancestor_id", "scope_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("scope_tree_by_scope", "scope_tree", ["scope_id", "ancestor_id"], unique=False)
    op.create_table(
        "threads",
        sa.Column("id", _Text, nullable=False),
        sa.Column("scope_id", _Key, nullable=False),
        sa.Column("key", _Text, nullable=True),
        sa.Column("metadata", _Text, nullable=False),
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
        *_foreign_key("scope_id", "scopes.id"),
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
        sa.Column("thread_id", _Text, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", _Text, nullable=True),
        sa.Column("role", _Text, nullable=False),
        sa.Column("role_type", _Text, nullable=True),
        sa.Column("name", _Text, nullable=True),
        sa.Column("token_count", sa.Integer(), nullable=False),
        *_foreign_key("record_pk", "records.pk"),
        *_foreign_key("thread_id", "threads.id"),
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
        sa.Column("origin", _Text, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        *_foreign_key("record_pk", "records.pk"),
        *_foreign_key("space_id", "spaces.id"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("space_id", "record_pk", "ordinal"),
    )
    op.execute("INSERT INTO scopes (id, path, depth, records, total) VALUES (1, '', 0, 0, 0)")
    op.execute("INSERT INTO scope_tree (ancestor_id, scope_id) VALUES (1, 1)")
    if _on_sqlite():
        op.execute(_FULL_TEXT)
        op.execute(_VERSION_TEXT)
    else:
        _finish_on_postgresql()


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _foreign_key(column: str, other: str) -> list[sa.ForeignKeyConstraint]:
    """What SQLite keeps as a note, and does not enforce; what is written is checked before."""
    return [sa.ForeignKeyConstraint([column], [other])] if _on_sqlite() else []


def _finish_on_postgresql() -> None:
    op.execute("SELECT setval('scopes_id_seq', 1)")
    op.execute("ALTER SEQUENCE records_pk_seq MINVALUE 0 START 0 RESTART 0")
    scripts = [_WORDS.format(name=name) for name in ("full_text", "version_text")]
    scripts += [_ROOM.format(name=name) for name in ("vectors", "version_vectors")]
    for statement in ";".join(scripts).split(";"):
        op.execute(statement)
    for name in _OFTEN_CHANGED:
        op.execute(f"ALTER TABLE {name} SET (fillfactor = 50)")
    op.execute(sa.text(_DOCUMENT.replace(":", r"\:")))
