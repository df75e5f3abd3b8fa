"""Between a row of `records` and a `Record`."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

from commonplace.clock import from_micros, to_micros
from commonplace.errors import EncryptionError
from commonplace.jsonvalue import dump_json, load_json
from commonplace.record import Record, Source

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

    from commonplace.scope import Scope

SEALED_SINCE = "this memory was encrypted after it was opened; open it again with encryption="
"""What an error says to who opened a memory before it was encrypted."""
_READ = json.JSONDecoder().raw_decode


def record_of(row: Row[Any], scope: Scope) -> Record:
    """The record in a row of `records`; everything in it is the caller's own copy.

    Raises:
        EncryptionError: it is sealed, and was read by who does not know of it.
    """
    if not isinstance(row.content, str):
        raise EncryptionError(SEALED_SINCE)
    return Record(
        id=row.id,
        scope=scope,
        content=row.content,
        key=row.key,
        kind=row.kind,
        value=None if row.value is None else _json(row.value),
        tags=() if row.tags == "[]" else tuple(_json(row.tags)),
        metadata={} if row.metadata == "{}" else _json(row.metadata),
        importance=row.importance,
        source=_source(row.source),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        expires_at=_moment(row.expires_at),
        valid_from=_moment(row.valid_from),
        valid_to=_moment(row.valid_to),
        archived_at=_moment(row.archived_at),
        version=row.version,
    )


def row_of(record: Record, scope_id: int, *, full_text: bool) -> dict[str, Any]:
    """The columns of a record, but `pk`."""
    return {
        "id": record.id,
        "scope_id": scope_id,
        "key": record.key,
        "kind": record.kind,
        "content": record.content,
        "content_hash": content_hash(record.content),
        "value": None if record.value is None else dump_json(record.value),
        "tags": dump_json(list(record.tags)) if record.tags else "[]",
        "metadata": dump_json(record.metadata) if record.metadata else "{}",
        "importance": record.importance,
        "source": dump_json(record.source.to_dict()),
        "created_at": to_micros(record.created_at, "created_at"),
        "updated_at": to_micros(record.updated_at, "updated_at"),
        "expires_at": _micros(record.expires_at),
        "valid_from": _micros(record.valid_from),
        "valid_to": _micros(record.valid_to),
        "archived_at": _micros(record.archived_at),
        "version": record.version,
        "has_text": int(full_text),
    }


def content_hash(content: str) -> int:
    """A 64-bit fingerprint of the content, for finding equal texts in a scope."""
    digest = hashlib.blake2b(content.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


@functools.lru_cache(maxsize=1024)
def _source(text: str) -> Source:
    """The source written as `text`: many records have the same one, and it cannot be changed."""
    return Source(**load_json(text))


def _json(text: str | bytes) -> Any:
    """As `load_json`, without the steps that text of our own does not need."""
    if isinstance(text, bytes):
        raise EncryptionError(SEALED_SINCE)
    found, end = _READ(text)
    return found if end == len(text) else load_json(text)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment, "time")
