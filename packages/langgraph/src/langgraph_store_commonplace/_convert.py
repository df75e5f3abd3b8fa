"""Between LangGraph's items and the records of a memory: pure functions."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from langgraph.store.base import Item, SearchItem, get_text_at_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonplace import Record

APP = "langgraph"
"""What the source of a record says if it was written through a store."""

WHOLE = "$"
_MOST_CONTENT = 1_000_000
_TTL = "ttl"


def namespace_of(record: Record, depth: int) -> tuple[str, ...]:
    """The namespace of a record, in a store whose root lies `depth` segments deep."""
    return record.scope.segments[depth:]


def key_of(record: Record) -> str:
    """The key of a record: its own, or else its id."""
    return record.id if record.key is None else record.key


def value_of(record: Record) -> dict[str, Any]:
    """The value of a record: the one that LangGraph stored, or a description of any other."""
    if record.source.app == APP and isinstance(record.value, dict):
        return record.value
    shown: dict[str, Any] = {
        "content": record.content,
        "kind": record.kind,
        "tags": list(record.tags),
        "metadata": record.metadata,
        "importance": record.importance,
    }
    return shown if record.value is None else {**shown, "value": record.value}


def item_of(record: Record, depth: int) -> Item:
    """A record as `get` gives it."""
    return Item(
        value=value_of(record),
        key=key_of(record),
        namespace=namespace_of(record, depth),
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def search_item_of(record: Record, depth: int, score: float | None = None) -> SearchItem:
    """A record as `search` gives it."""
    return SearchItem(
        namespace=namespace_of(record, depth),
        key=key_of(record),
        value=value_of(record),
        created_at=record.created_at,
        updated_at=record.updated_at,
        score=score,
    )


def texts_at(value: Mapping[str, Any], paths: Sequence[tuple[str, list[str]]]) -> list[str]:
    """The texts of a value that its paths name, in order; each becomes a vector.

    Args:
        value: what is stored.
        paths: each as it was written and in tokens.
    """
    return [text for path, tokens in paths for text in _texts(dict(value), path, tokens)]


def _texts(value: dict[str, Any], path: str, tokens: list[str]) -> list[str]:
    # upstream looks up a field called "$" when a put names the whole document
    return get_text_at_path(value, WHOLE if path == WHOLE else tokens)


def content_of(value: Mapping[str, Any], texts: Sequence[str]) -> str:
    """The content of a record: its texts, or the sorted JSON of a value that is not indexed."""
    if texts:
        return "\n".join(texts)
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= _MOST_CONTENT else ""


def metadata_with(ttl: float | None) -> dict[str, Any]:
    """The metadata that keeps an item's time to live, in minutes, for reads that renew it."""
    return {} if ttl is None else {APP: {_TTL: ttl}}


def time_to_live(record: Record) -> timedelta | None:
    """How long an item lives from its last use; None if reads do not renew it."""
    if record.expires_at is None:
        return None
    own = record.metadata.get(APP)
    minutes = cast("dict[str, Any]", own).get(_TTL) if isinstance(own, dict) else None
    return timedelta(minutes=minutes) if isinstance(minutes, int | float) else None
