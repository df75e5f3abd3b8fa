"""The ledger's tables. Migrations create them; everything else only reads this description."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

FORMAT = "0003"
"""The newest migration; a ledger stamped with an unknown one was written by a newer version."""

ROOT_SCOPE_ID = 1
BROUGHT = "caller"
"""The origin of vectors that the caller brought."""

metadata = MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")

settings = Table(
    "settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

# `records` counts what lies at the scope, `total` what lies at it and below it, so that counting
# and planning never scan. Both count expired records until they are swept.
scopes = Table(
    "scopes",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("depth", Integer, nullable=False),
    Column("records", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False, default=0),
    sqlite_autoincrement=True,
)

# Every pair of a scope and a scope that contains it, itself and the root included.
scope_tree = Table(
    "scope_tree",
    metadata,
    Column("ancestor_id", _Key, ForeignKey("scopes.id"), primary_key=True),
    Column("scope_id", _Key, ForeignKey("scopes.id"), primary_key=True),
    Index("scope_tree_by_scope", "scope_id", "ancestor_id"),
    sqlite_with_rowid=False,
)


FINDABLE, SEALED = 1, 2
"""In `has_text`: the content is found by its words, in the full-text index; or it is sealed, and
found only where texts are read. 0 stands for neither."""


def _state() -> list[Column[Any]]:
    """The columns of a record's state. Times are microseconds since 1970-01-01 UTC.

    `checksum` is the CRC-32 of the others but `expires_at`, which is changed in place: SQLite has
    none of its own, and a file may be damaged where the damage still makes sense.
    """
    return [
        Column("scope_id", _Key, ForeignKey("scopes.id"), nullable=False),
        Column("key", Text),
        Column("kind", Text, nullable=False),
        Column("content", Text, nullable=False),
        Column("content_hash", BigInteger, nullable=False),
        Column("value", Text),
        Column("tags", Text, nullable=False),
        Column("metadata", Text, nullable=False),
        Column("importance", Float, nullable=False),
        Column("source", Text, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger),
        Column("valid_from", BigInteger),
        Column("valid_to", BigInteger),
        Column("archived_at", BigInteger),
        Column("version", Integer, nullable=False),
        Column("has_text", Integer, nullable=False),
        Column("checksum", BigInteger, nullable=False, server_default="0"),
    ]


# `pk` is never reused: caches and the full-text index are keyed by it.
records = Table(
    "records",
    metadata,
    Column("pk", _Key, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    *_state(),
    sqlite_autoincrement=True,
)
Index(
    "records_by_key",
    records.c.scope_id,
    records.c.key,
    unique=True,
    sqlite_where=records.c.key.is_not(None),
    postgresql_where=records.c.key.is_not(None),
)
Index("records_by_content", records.c.scope_id, records.c.content_hash)
Index("records_by_created", records.c.created_at.desc(), records.c.id)
Index("records_by_updated", records.c.updated_at.desc(), records.c.id)
Index("records_in_scope_by_created", records.c.scope_id, records.c.created_at.desc(), records.c.id)
Index("records_in_scope_by_updated", records.c.scope_id, records.c.updated_at.desc(), records.c.id)
Index(
    "records_by_expiry",
    records.c.expires_at,
    records.c.scope_id,
    sqlite_where=records.c.expires_at.is_not(None),
    postgresql_where=records.c.expires_at.is_not(None),
)

# What is hidden in a scope is found without meeting what is hidden in others.
for _name, _moment in (
    ("expiry", records.c.expires_at),
    ("closing", records.c.valid_to),
    ("archive", records.c.archived_at),
):
    Index(
        f"records_in_scope_by_{_name}",
        records.c.scope_id,
        _moment,
        sqlite_where=_moment.is_not(None),
        postgresql_where=_moment.is_not(None),
    )

# `id` is never reused: caches and the index are keyed by it. A space whose name begins with
# `default@`, and is not its identity, is being filled or emptied by a reindex.
spaces = Table(
    "spaces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("identity", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("metric", Text, nullable=False),
    Column("vectors", Integer, nullable=False, default=0),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# `vector` is little-endian float32, as it was given, not normalised. `origin` is what it was made
# from: the record's `content`, other `texts`, which are not kept, or the `caller` brought it.
# `checksum` is the CRC-32 of `vector`.
vectors = Table(
    "vectors",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("record_pk", _Key, ForeignKey("records.pk"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("checksum", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("space_id", "record_pk", "ordinal"),
)

links = Table(
    "links",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("source_id", Text, nullable=False),
    Column("target_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("weight", Float, nullable=False),
    Column("reason", Text),
    Column("metadata", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("source_id", "type", "target_id"),
)
# The links of a record, strongest first, with all that decides whether one is followed: the
# strongest of a record that has very many are read without reading the others.
for _name, _end, _other in (
    ("source", links.c.source_id, links.c.target_id),
    ("target", links.c.target_id, links.c.source_id),
):
    Index(
        f"links_by_{_name}",
        _end,
        links.c.weight.desc(),
        links.c.created_at,
        _other,
        links.c.type,
    )

# A conversation. `key` is the caller's name for it, unique within its scope. Positions are never
# reused; `extracted` is the first position from which no facts were taken yet.
threads = Table(
    "threads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("scope_id", _Key, ForeignKey("scopes.id"), nullable=False),
    Column("key", Text),
    Column("metadata", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("max_messages", Integer),
    Column("message_ttl", BigInteger),
    Column("messages", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("next_position", Integer, nullable=False),
    Column("extracted", Integer, nullable=False),
    UniqueConstraint("scope_id", "key"),
)
Index("threads_by_activity", threads.c.updated_at.desc(), threads.c.id)
Index(
    "threads_in_scope_by_activity",
    threads.c.scope_id,
    threads.c.updated_at.desc(),
    threads.c.id,
)
Index(
    "threads_by_expiry",
    threads.c.expires_at,
    sqlite_where=threads.c.expires_at.is_not(None),
    postgresql_where=threads.c.expires_at.is_not(None),
)

# A message is a record of kind `message`; this holds its place in the thread. `id` is the one that
# the caller chose for it, unique within its thread; without one it goes by its record's.
messages = Table(
    "messages",
    metadata,
    Column("record_pk", _Key, ForeignKey("records.pk"), primary_key=True),
    Column("thread_id", Text, ForeignKey("threads.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("id", Text),
    Column("role", Text, nullable=False),
    Column("role_type", Text),
    Column("name", Text),
    Column("token_count", Integer, nullable=False),
    UniqueConstraint("thread_id", "position"),
)
Index(
    "messages_by_id",
    messages.c.thread_id,
    messages.c.id,
    unique=True,
    sqlite_where=messages.c.id.is_not(None),
    postgresql_where=messages.c.id.is_not(None),
)

# The former states of records, deleted ones included. A state was the present one from its
# `updated_at` to its `replaced_at`; `replaced_by` is the operation that ended it. They are kept
# apart from `records`, so that what reads the present never meets the past. Their `pk` is negative:
# a number says which of the two tables it belongs to.
versions = Table(
    "versions",
    metadata,
    Column("pk", _Key, primary_key=True),
    Column("id", Text, nullable=False),
    *_state(),
    Column("replaced_at", BigInteger, nullable=False),
    Column("replaced_by", Text, nullable=False),
    UniqueConstraint("id", "version"),
    Index("versions_by_scope", "scope_id", "replaced_at"),
    Index("versions_by_end", "replaced_at"),
)
Index(
    "versions_by_key",
    versions.c.scope_id,
    versions.c.key,
    sqlite_where=versions.c.key.is_not(None),
    postgresql_where=versions.c.key.is_not(None),
)

version_vectors = Table(
    "version_vectors",
    metadata,
    Column("id", _Key, primary_key=True),
    Column("space_id", Integer, ForeignKey("spaces.id"), nullable=False),
    Column("version_pk", _Key, ForeignKey("versions.pk"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("checksum", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("version_pk", "space_id", "ordinal"),
)

# Every change, in commit order. `vectors` is the largest number of vectors the record had in one
# space before the change: the index must forget that many entries. `detail` is JSON that names what
# else the change is about, such as the other end of a link; never a record's text.
journal = Table(
    "journal",
    metadata,
    Column("seq", _Key, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("operation", Text, nullable=False),
    Column("record_pk", _Key, nullable=False),
    Column("record_id", Text, nullable=False),
    Column("scope_id", _Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("vectors", Integer, nullable=False),
    Column("detail", Text),
    sqlite_autoincrement=True,
)

# What the journal says although nothing in a record changed: no index or cache reads one anew.
# After an erasure they start over.
BESIDE_RECORDS = ("link", "unlink", "erase")

ERASED = ""
"""What the journal has in place of the id of an erased record; no record has it."""

# How far a handler of events has followed the journal.
cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seq", _Key, nullable=False),
)

# How far the index of a space has followed the journal.
index_state = Table(
    "index_state",
    metadata,
    Column("space_id", Integer, ForeignKey("spaces.id"), primary_key=True),
    Column("applied_seq", _Key, nullable=False),
)

# The erasures, each with its receipt as JSON, which names no record. `pending` are the steps that
# are still to be done on the files, as a JSON list. The newest number is the epoch of the ledger:
# a cache of scope ids or an index of an older one may hold what was erased.
erasures = Table(
    "erasures",
    metadata,
    Column("number", _Key, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("pending", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    sqlite_autoincrement=True,
)

# The journal entries that an audit file tells of. `nonce` is what keeps the digest of an entry from
# being guessed. When the entry is erased it goes, and the digest itself stays, as `leaf`.
audited = Table(
    "audited",
    metadata,
    Column("seq", _Key, primary_key=True),
    Column("nonce", LargeBinary),
    Column("leaf", LargeBinary),
)
