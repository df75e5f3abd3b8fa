"""`SizeLimits`: refuses records that are larger than a memory should hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace.arguments import checked_offset
from commonplace.errors import LimitExceededError
from commonplace.jsonvalue import dump_json

if TYPE_CHECKING:
    from commonplace.record import Record


class SizeLimits:
    """Write middleware that refuses what is too large; None means no limit of its own.

    The limits of every memory hold besides. Place it after what makes records smaller.

    Args:
        content: the most characters of the content, and of each text given as `embed=`.
        value_bytes: the most bytes of the value, as compact JSON in UTF-8.
        metadata_bytes: the most bytes of the metadata, likewise.
        tags: the most tags.

    Raises:
        InvalidInputError: a limit is no whole number from 0 on.
    """

    def __init__(
        self,
        *,
        content: int | None = None,
        value_bytes: int | None = None,
        metadata_bytes: int | None = None,
        tags: int | None = None,
    ) -> None:
        self._content = _limit(content, "content")
        self._value_bytes = _limit(value_bytes, "value_bytes")
        self._metadata_bytes = _limit(metadata_bytes, "metadata_bytes")
        self._tags = _limit(tags, "tags")

    def before_write(self, record: Record) -> Record:
        """The record as it is.

        Raises:
            LimitExceededError: a part of it is too large; nothing is written.
        """
        _check(len(record.content), self._content, "the content has", "characters")
        _check(len(record.tags), self._tags, "a record has", "tags")
        if self._value_bytes is not None and record.value is not None:
            size = len(dump_json(record.value).encode())
            _check(size, self._value_bytes, "the value has", "bytes as JSON")
        if self._metadata_bytes is not None and record.metadata:
            size = len(dump_json(record.metadata).encode())
            _check(size, self._metadata_bytes, "the metadata has", "bytes as JSON")
        return record


def _limit(limit: int | None, name: str) -> int | None:
    return None if limit is None else checked_offset(limit, name)


def _check(size: int, most: int | None, subject: str, unit: str) -> None:
    if most is not None and size > most:
        raise LimitExceededError(
            f"{subject} at most {most:,} {unit} in this memory, got {size:,}; shorten or split it"
        )
