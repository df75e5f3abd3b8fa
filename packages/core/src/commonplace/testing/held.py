"""The states that a `ReferenceMemory` holds, and how it finds and ranks them: by looking at all."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from commonplace.analysis import ENGLISH, Analyser
from commonplace.embedders import passages
from commonplace.errors import InvalidInputError
from commonplace.filters import matches
from commonplace.record import Hit, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from commonplace.embedders import Embedder
    from commonplace.filters import Filter
    from commonplace.scope import Scope

_ORDERS = (
    *("id", "key", "kind", "scope", "importance", "version"),
    *("created_at", "updated_at", "expires_at"),
)
_ANALYSER = Analyser(ENGLISH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A state of a record.

    Attributes:
        record: the record.
        texts: what is embedded of it.
        worded: whether it is found by its words.
        replaced_at: when the state ended; None for a present one.
        replaced_by: what ended it.
    """

    record: Record
    texts: tuple[str, ...]
    worded: bool
    replaced_at: datetime | None = None
    replaced_by: str | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether the record has expired."""
        ends = self.record.expires_at
        return ends is not None and ends <= now

    def is_of(self, other: Record) -> bool:
        """Whether this is a former state of a record, and not of another that had its id."""
        own = self.record
        same = own.scope == other.scope or own.created_at == other.created_at
        return own.id == other.id and same


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records are asked for; the attributes are the arguments of `Memory.list`."""

    scope: Scope
    recursive: bool = True
    filter: Filter
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    include_closed: bool = True
    include_archived: bool = True

    def holds(self, record: Record, now: datetime) -> bool:
        """Whether a record that has not expired is one of them."""
        inside = self.scope.contains(record.scope) if self.recursive else self.scope == record.scope
        closed = record.valid_to is not None and record.valid_to <= now
        return (
            inside
            and (not closed or self.include_closed)
            and (record.archived_at is None or self.include_archived)
            and (not self.kinds or record.kind in self.kinds)
            and (not self.tags or not set(self.tags).isdisjoint(record.tags))
            and matches(self.filter, record)
        )


def copied(record: Record) -> Record:
    """A record that the caller may change."""
    if not record.metadata and not isinstance(record.value, list | dict):
        return replace(record, metadata={})
    return replace(
        record, metadata=copy.deepcopy(record.metadata), value=copy.deepcopy(record.value)
    )


def ordered(records: Iterable[Record], order_by: Sequence[str]) -> list[Record]:
    """The records in an order, ties broken by id; what is missing comes before all else."""
    found = sorted(records, key=lambda record: record.id)
    for name in reversed(order_by):
        bare = name.removeprefix("-")
        if bare not in _ORDERS:
            raise InvalidInputError(f"records cannot be ordered by {bare!r}; use one of {_ORDERS}")
        found.sort(key=_part(bare), reverse=name.startswith("-"))
    return found


def by_meaning(held: Iterable[Held], query: str, embedder: Embedder) -> list[Hit]:
    """All that have a vector, by the cosine of their best one with the query's."""
    target = _unit(np.asarray(embedder.embed_queries([query]), dtype=np.float64))[0]
    hits: list[Hit] = []
    for one in held:
        if one.texts:
            vectors = np.asarray(embedder.embed_documents(list(one.texts)), dtype=np.float64)
            best = float((_unit(vectors) @ target).max())
            hits.append(Hit(record=copied(one.record), score=best, similarity=best))
    return _best_first(hits)


def by_words(held: Iterable[Held], query: str) -> list[Hit]:
    """All that hold a word of the query, newest first, each with the score 1.

    What stands in quotes must stand in them as it is, if it does so anywhere.
    """
    asked = _ANALYSER.wanted(query)
    worded = [one for one in held if one.worded]
    found = [
        one
        for one in worded
        if not set(asked.terms).isdisjoint(_ANALYSER.terms(one.record.content))
        or any(_ANALYSER.holds(one.record.content, phrase) for phrase in asked.phrases)
    ]
    for phrase in asked.phrases:
        quoting = [one for one in found if _ANALYSER.holds(one.record.content, phrase)]
        found = quoting or found
    return _best_first([Hit(record=copied(one.record), score=1.0) for one in found])


def texts_of(content: str, embed: tuple[str, ...] | None, longest: int | None) -> tuple[str, ...]:
    """What is embedded of a content, or in its place."""
    return tuple(passages(content, longest)) if embed is None else embed


def _best_first(hits: Iterable[Hit]) -> list[Hit]:
    by_id = sorted(hits, key=lambda hit: hit.id)
    newest = sorted(by_id, key=lambda hit: hit.record.created_at, reverse=True)
    return sorted(newest, key=lambda hit: hit.score, reverse=True)


def _part(name: str) -> Any:
    def part(record: Record) -> tuple[bool, Any]:
        value = record.scope.path if name == "scope" else getattr(record, name)
        return value is not None, value if value is not None else 0

    return part


def _unit(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 0)
