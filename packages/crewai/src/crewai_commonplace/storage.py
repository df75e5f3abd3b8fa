"""`CommonplaceStorage`: CrewAI's `StorageBackend` over a memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from crewai.memory.storage.backend import EmbeddingDimensionMismatchError
from crewai.memory.types import MemoryRecord, ScopeInfo
from pydantic_core import SchemaSerializer, core_schema

from commonplace import InvalidInputError, Memory, Record, Scope
from crewai_commonplace._convert import (
    APP,
    changes,
    cosine_score,
    fields,
    lancedb_score,
    memory_record,
    naive,
    path_of,
    scope_of,
    usable,
    where,
)
from crewai_commonplace.opened import Opened
from crewai_commonplace.privacy import hidden, shown
from crewai_commonplace.specs import Spec
from crewai_commonplace.stores import remember

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Self

    from commonplace.scope import ScopeLike
    from crewai_commonplace.specs import Score, Vectors

T = TypeVar("T")

_OWN_SPACE = "default"
_MOST = 100_000
_DEFAULT_LIMIT = 10
_ROUNDING = 1e-6
_SCORES: dict[str, Callable[[float], float]] = {"cosine": cosine_score, "lancedb": lancedb_score}


class CommonplaceStorage:
    """A memory as the storage of `crewai.Memory`.

    Every scope is a path of whole segments, filters choose before anything is ranked, criteria of a
    delete must all hold, and an empty list of ids or categories matches nothing. Times are naive
    UTC. Safe to share between threads, `Memory` objects, crews and processes.

    What CrewAI reads is everything in its scope, whoever wrote it. What it deletes without naming
    ids, and what `reset` removes, is only what was written through CrewAI: records of other
    frameworks stay.

    Args:
        memory: an open `commonplace.Memory`, which is never closed here; or the path of one, which
            `close` closes and the next use opens again.
        scope: where everything of this storage lives; the root of the memory if left out.
        vectors: where CrewAI's vectors go. `"apart"`: a space of their own, named by their length,
            and the content is embedded in the memory's own space too, so that other frameworks find
            it by meaning. `"own"`: the memory's own space; only right if CrewAI's embedder is the
            memory's own, as `commonplace_memory` sees to, and then what others wrote is found here.
        score: `"cosine"`, clamped to 0..1; or `"lancedb"`, the numbers that CrewAI's LanceDB
            storage gives, for thresholds that were tuned to them.
        **options: how a path is opened, such as `embedder`; see `commonplace.Memory`.

    Raises:
        InvalidInputError: an argument is malformed.
    """

    def __init__(
        self,
        memory: Memory | str | Path,
        *,
        scope: ScopeLike | None = None,
        vectors: Vectors = "apart",
        score: Score = "cosine",
        **options: Any,
    ) -> None:
        if score not in _SCORES:
            raise InvalidInputError("score is 'cosine' or 'lancedb'")
        if vectors not in {"apart", "own"}:
            raise InvalidInputError("vectors is 'apart' or 'own'")
        self._root = Scope() if scope is None else Scope.of(scope)
        self._score = _SCORES[score]
        self._apart = vectors == "apart"
        self._opened = Opened(memory, options)
        self._spec = Spec.of(self._opened.memory(), self._root, vectors=vectors, score=score)
        remember(self)

    @property
    def spec(self) -> str:
        """The text that `register` opens this storage by: what a checkpoint holds of it."""
        return str(self._spec)

    @property
    def root(self) -> Scope:
        """The scope where everything of this storage lives."""
        return self._root

    @property
    def memory(self) -> Memory:
        """The memory behind it, open."""
        return self._opened.memory()

    # Writing

    def save(self, records: list[MemoryRecord]) -> None:
        """Write records, each new or in place of the one with its id; all of them or none.

        Raises:
            EmbeddingDimensionMismatchError: a vector is of another length than those stored.
            InvalidInputError: a record is malformed, such as metadata that is not JSON.
        """
        if records:
            self._use(lambda view: self._write(view, records))

    def update(self, record: MemoryRecord) -> None:
        """Write a record in place of the one with its id, or as a new one.

        Without an embedding the stored vector stays. What is private stays private if neither
        `source` nor `private` is given, as in CrewAI's consolidation.

        Raises:
            EmbeddingDimensionMismatchError: as for `save`.
        """
        self.save([record])

    def touch_records(self, record_ids: list[str]) -> None:
        """Note that records were recalled now; changes nothing else of them."""
        self._use(lambda view: view.note_reading(record_ids, app=APP))

    def delete(
        self,
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        record_ids: list[str] | None = None,
        older_than: datetime | None = None,
        metadata_filter: dict[str, Any] | None = None,
    ) -> int:
        """Delete the records for which all criteria hold; how many there were.

        An empty list or dict matches nothing. Without any criterion everything in this storage's
        scope that CrewAI wrote is deleted. Records of others go only by their ids.

        Args:
            scope_prefix: at this path or below it.
            categories: with at least one of these.
            record_ids: with one of these ids.
            older_than: created before this moment; UTC if it names no zone.
            metadata_filter: with all of these values.
        """
        if any(given is not None and not given for given in (categories, record_ids)):
            return 0
        if metadata_filter is not None and not metadata_filter:
            return 0
        wanted = where(metadata_filter, older_than=older_than, written_here=record_ids is None)
        return self._use(
            lambda view: view.delete(
                record_ids,
                scope=scope_of(scope_prefix, self._root),
                tags=categories or (),
                filter=wanted,
            )
        )

    def reset(self, scope_prefix: str | None = None) -> None:
        """Delete what CrewAI wrote at a path and below it; without vectors any length is free."""
        self.delete(scope_prefix)

    # Reading

    def search(
        self,
        query_embedding: list[float],
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        metadata_filter: dict[str, Any] | None = None,
        limit: int | None = _DEFAULT_LIMIT,
        min_score: float = 0.0,
    ) -> list[tuple[MemoryRecord, float]]:
        """The records nearest to a vector, best first, with their scores.

        The records are without their embeddings. Exact ties are newest first.

        Args:
            query_embedding: the vector.
            scope_prefix: at this path or below it.
            categories: with at least one of these; none asks for none.
            metadata_filter: with all of these values.
            limit: at most so many.
            min_score: with at least this score.

        Raises:
            EmbeddingDimensionMismatchError: the vector is of another length than those stored.
        """
        most = min(_DEFAULT_LIMIT if limit is None else limit, _MOST)
        if most <= 0 or not len(query_embedding):
            return []

        def search(view: Memory) -> list[tuple[MemoryRecord, float]]:
            self._check_length(view, len(query_embedding))
            asked: dict[str, Any] = {
                "vector": query_embedding,
                "space": self._space(len(query_embedding)),
                "mode": "dense",
                "scope": scope_of(scope_prefix, self._root),
                "tags": categories or (),
                "limit": most,
            }
            hits = view.search(**asked, filter=where(metadata_filter))
            if any(hidden(hit.record) for hit in hits):  # what is hidden takes no one's place
                hits = view.search(**asked, filter=where(metadata_filter, besides=shown()))
            scored = ((hit.record, self._score(hit.score)) for hit in hits)
            return [
                (memory_record(record, self._root), score)
                for record, score in scored
                if score >= min_score - _ROUNDING
            ]

        return self._use(search)

    def get_record(self, record_id: str) -> MemoryRecord | None:
        """The record with this id and its embedding; None if there is none."""

        def get(view: Memory) -> MemoryRecord | None:
            record = view.get(record_id)
            return None if record is None else self._whole(view, record)

        return self._use(get)

    def list_records(
        self, scope_prefix: str | None = None, limit: int | None = 200, offset: int = 0
    ) -> list[MemoryRecord]:
        """The records at a path and below it, newest first; none for a negative number."""
        most = 200 if limit is None else limit
        if most <= 0 or offset < 0:
            return []
        place = scope_of(scope_prefix, self._root)

        def page(view: Memory) -> list[Record]:
            found: list[Record] = []
            while len(found) < most:
                size = min(most - len(found), _MOST)
                some = view.list(scope=place, limit=size, offset=offset + len(found))
                found += some
                if len(some) < size:
                    break
            return found

        return [memory_record(record, self._root) for record in self._use(page)]

    def count(self, scope_prefix: str | None = None) -> int:
        """How many records there are at a path and below it."""
        return self._use(lambda view: view.count(scope=scope_of(scope_prefix, self._root)))

    def list_scopes(self, parent: str = "/") -> list[str]:
        """The paths one level below a path that hold records, there or further below."""
        place = scope_of(parent, self._root)
        depth = len(place.segments) + 1
        infos = self._use(lambda view: view.scopes(scope=place, depth=depth, limit=_MOST))
        children = (info.scope for info in infos if len(info.scope.segments) == depth)
        return sorted(path_of(scope, self._root) for scope in children)

    def list_categories(self, scope_prefix: str | None = None) -> dict[str, int]:
        """How many records have each category, at a path and below it."""
        return self._use(lambda view: view.tags(scope=scope_of(scope_prefix, self._root)))

    def get_scope_info(self, scope: str) -> ScopeInfo:
        """What there is at a path and below it, in numbers."""
        place = scope_of(scope, self._root)

        def end(view: Memory, order: str) -> datetime | None:
            found = view.list(scope=place, order_by=order, limit=1)
            return naive(found[0].created_at) if found else None

        return self._use(
            lambda view: ScopeInfo(
                path=path_of(place, self._root),
                record_count=view.count(scope=place),
                categories=list(view.tags(scope=place)),
                oldest_record=end(view, "created_at"),
                newest_record=end(view, "-created_at"),
                child_scopes=self.list_scopes(scope),
            )
        )

    # The same, awaited

    async def asave(self, records: list[MemoryRecord]) -> None:
        """See `save`; never blocks the event loop."""
        await asyncio.to_thread(self.save, records)

    async def asearch(
        self,
        query_embedding: list[float],
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        metadata_filter: dict[str, Any] | None = None,
        limit: int | None = _DEFAULT_LIMIT,
        min_score: float = 0.0,
    ) -> list[tuple[MemoryRecord, float]]:
        """See `search`; never blocks the event loop."""
        return await asyncio.to_thread(
            self.search,
            query_embedding,
            scope_prefix,
            categories,
            metadata_filter,
            limit,
            min_score,
        )

    async def adelete(
        self,
        scope_prefix: str | None = None,
        categories: list[str] | None = None,
        record_ids: list[str] | None = None,
        older_than: datetime | None = None,
        metadata_filter: dict[str, Any] | None = None,
    ) -> int:
        """See `delete`; never blocks the event loop."""
        return await asyncio.to_thread(
            self.delete, scope_prefix, categories, record_ids, older_than, metadata_filter
        )

    def close(self) -> None:
        """Close a memory that was opened by its path; the next use opens it again."""
        self._opened.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spec!r}>"

    # A checkpoint of a crew holds the spec, which the factory of `register` opens again.
    __pydantic_serializer__ = SchemaSerializer(
        core_schema.any_schema(
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda storage: storage.spec
            )
        )
    )

    # Inside

    def _use(self, work: Callable[[Memory], T]) -> T:
        return self._opened.use(lambda memory: work(self._view(memory)))

    def _view(self, memory: Memory) -> Memory:
        return memory.scope(self._root) if self._root.segments else memory

    def _write(self, view: Memory, records: Sequence[MemoryRecord]) -> None:
        self._check_vectors(view, records)
        last = {record.id: record for record in records}
        standing = {record.id: record for record in view.get_many(last) if record is not None}
        others = [record for record in standing.values() if record.source.app != APP]
        for record in others:  # another framework's: only what CrewAI can say of it changes
            given = last.pop(record.id)
            view.update(record.id, **changes(given, self._root, record))
        view.put_many(
            {**fields(record, self._root, standing.get(record.id)), **self._vectors(record)}
            for record in last.values()
        )

    def _vectors(self, record: MemoryRecord) -> dict[str, Any]:
        vector = record.embedding
        if vector is None or not usable(vector):
            return {}
        return {"vectors": {self._space(len(vector)): vector}}

    def _space(self, length: int) -> str:
        return f"{APP}-{length}" if self._apart else _OWN_SPACE

    def _check_vectors(self, view: Memory, records: Sequence[MemoryRecord]) -> None:
        lengths = [len(one.embedding or ()) for one in records if usable(one.embedding)]
        if not lengths:
            return
        self._check_length(view, lengths[0])
        for length in lengths:
            if length != lengths[0]:
                raise EmbeddingDimensionMismatchError(lengths[0], length)

    def _check_length(self, view: Memory, length: int) -> None:
        """Refuse a vector of another length than those that this storage holds.

        Raises:
            EmbeddingDimensionMismatchError: CrewAI's own error, which says what to do.
        """
        if not self._apart:
            stored = view.embedder.dimension
            if length != stored:
                raise EmbeddingDimensionMismatchError(stored, length)
            return
        for space in view.spaces().values():
            other = space.dimension
            if space.name == self._space(other) and other != length and space.vectors:
                # The space is the whole memory's; this storage may hold none of its vectors.
                probe = [1.0] * other
                if view.search(vector=probe, space=space.name, mode="dense", limit=1):
                    raise EmbeddingDimensionMismatchError(other, length)

    def _whole(self, view: Memory, record: Record) -> MemoryRecord:
        found = view.vectors(record.id)
        spaces = [name for name in found if name.startswith(f"{APP}-")] if self._apart else []
        name = spaces[0] if spaces else (None if self._apart else _OWN_SPACE)
        vector = found[name][0].tolist() if name in found else None
        return memory_record(record, self._root, embedding=vector)
