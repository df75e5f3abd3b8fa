"""Between a row of `records` and a `Record`."""

from __future__ import annotations

import functools
import hashlib
import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from zlib import crc32

from commonplace.clock import from_micros, from_micros_if_any, to_micros
from commonplace.errors import CommonplaceError, DataDamagedError, EncryptionError
from commonplace.jsonvalue import dump_json, load_json
from commonplace.record import Record, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Row

    from commonplace.scope import Scope

SEALED_SINCE = "this memory was encrypted after it was opened; open it again with encryption="
"""What an error says to who opened a memory before it was encrypted."""
_READ = json.JSONDecoder().raw_decode
_SUMMED = (
    "id",
    "scope_id",
    "key",
    "kind",
    "value",
    "tags",
    "metadata",
    "source",
    "created_at",
    "updated_at",
    "valid_from",
    "valid_to",
    "archived_at",
    "version",
    "has_text",
)
_OF_ROW = attrgetter(*_SUMMED)
_FORM = "\x1f".join(["%s"] * (len(_SUMMED) + 2))


def record_of(row: Row[Any], scope: Scope) -> Record:
    """The record in a row of `records`; everything in it is the caller's own copy.

    Raises:
        DataDamagedError: it is not as it was written.
        EncryptionError: it is sealed, and was read by who does not know of it.
    """
    if not _is_whole(row):
        raise _refused(row)
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
        expires_at=from_micros_if_any(row.expires_at),
        valid_from=from_micros_if_any(row.valid_from),
        valid_to=from_micros_if_any(row.valid_to),
        archived_at=from_micros_if_any(row.archived_at),
        version=row.version,
    )


def row_of(record: Record, scope_id: int, *, full_text: bool) -> dict[str, Any]:
    """The columns of a record, but `pk`."""
    row: dict[str, Any] = {
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
    row["checksum"] = checksum(row)
    return row


def checksum(row: Mapping[str, Any]) -> int:
    """The checksum of the columns of a record; those that are null may be left out.

    Texts may be of other classes, such as an `Enum`: what is stored of them counts.
    """
    values = (str.__str__(one) if isinstance(one, str) else one for one in map(row.get, _SUMMED))
    return _checksum(tuple(values), row["importance"], str.__str__(row["content"]))


def checksum_beside(row: Mapping[str, Any]) -> int:
    """The checksum of what is not sealed of a record that is: it tells nothing of the rest."""
    return checksum({**row, "content": "", "value": None, "metadata": "{}"})


def _refused(row: Row[Any]) -> CommonplaceError:
    """Why a row that is not whole cannot be read."""
    if bytes in {type(row.content), type(row.value), type(row.metadata)}:
        return EncryptionError(SEALED_SINCE)
    return DataDamagedError(
        f"record {row.id!r} is not as it was written; the ledger file is damaged: restore a "
        "former state of it, or a backup"
    )


def _is_whole(row: Row[Any]) -> bool:
    """Whether a row is as it was written; what is sealed authenticates itself."""
    if _checksum(_OF_ROW(row), row.importance, row.content) == row.checksum:
        return True
    shown = {name: getattr(row, name) for name in (*_SUMMED, "importance")}
    return checksum_beside(shown) == row.checksum


def _checksum(values: tuple[Any, ...], importance: float, content: str) -> int:
    # SQLite gives back 0.0 for -0.0.
    return crc32((_FORM % (*values, float(importance) + 0.0, content)).encode())


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


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else to_micros(moment, "time")
