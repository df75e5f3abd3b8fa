"""`Entry`: a record as it is to be written; `Written`: what became of it; their rows and events."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from commonplace.ledger.schema import BROUGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Row

    from commonplace.ledger.reindexing import Origin
    from commonplace.record import Record

    Matrix = NDArray[np.float32]


IfExists = Literal["replace", "keep", "error"]

NO_VECTORS: Mapping[int, Matrix] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record to write, with its vectors by space id.

    `origins` says what the vectors of a space were made from, where the caller did not bring them.
    """

    record: Record
    vectors: Mapping[int, Matrix] = field(default_factory=dict[int, "Matrix"])
    origins: Mapping[int, Origin] = field(default_factory=dict[int, "Origin"])
    full_text: bool = True
    chosen_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of an entry: the record as it now is, and whether it was written."""

    record: Record
    operation: Literal["add", "update", "none"]


def has_text(entry: Entry) -> bool:
    """Whether its content is to be found by words: it is not blank, and not kept out."""
    return entry.full_text and bool(entry.record.content.strip())


def vector_rows(numbered: Iterable[tuple[int, Entry]]) -> list[dict[str, Any]]:
    """The rows of `vectors` for entries and the numbers of their records."""
    return [
        {
            "space_id": space_id,
            "record_pk": pk,
            "ordinal": ordinal,
            "origin": entry.origins.get(space_id, BROUGHT),
            "vector": (packed := vector.astype("<f4", copy=False).tobytes()),
            "checksum": crc32(packed),
        }
        for pk, entry in numbered
        for space_id, matrix in entry.vectors.items()
        for ordinal, vector in enumerate(matrix)
    ]


def new_event(row: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The journal entry of a new row of `records`."""
    return {
        "at": now,
        "operation": "add",
        "record_pk": row["pk"],
        "record_id": row["id"],
        "scope_id": row["scope_id"],
        "version": row["version"],
        "vectors": 0,
    }


def event(row: Row[Any], operation: str, held: int, now: int) -> dict[str, Any]:
    """The journal entry of what happens to a row, and how many vectors it had."""
    return {
        "at": now,
        "operation": operation,
        "record_pk": row.pk,
        "record_id": row.id,
        "scope_id": row.scope_id,
        "version": row.version,
        "vectors": held,
    }
