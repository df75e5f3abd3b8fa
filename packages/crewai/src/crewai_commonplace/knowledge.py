"""`CommonplaceKnowledgeStorage`: the documents of a crew, kept in a memory."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from crewai.knowledge.storage.base_knowledge_storage import BaseKnowledgeStorage
from crewai.rag.types import SearchResult
from pydantic import PrivateAttr

from commonplace import Memory, Scope, Source
from crewai_commonplace._convert import APP, where
from crewai_commonplace.storage import CommonplaceStorage
from crewai_commonplace.stores import open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace import Hit
    from commonplace.scope import ScopeLike

KIND = "document"
_FOLDER = "knowledge"


class CommonplaceKnowledgeStorage(BaseKnowledgeStorage):
    """CrewAI's knowledge storage over a memory, which embeds the documents itself.

    The documents are records of kind `document` in the scope `knowledge/<collection_name>`, below
    the scope given here. Saving a document again changes nothing. Scores are those of CrewAI's own
    storage, (1 + cosine) / 2, so that thresholds mean the same. Errors are raised, not logged.

    Args:
        memory: an open `commonplace.Memory`, the path of one, or a spec such as
            `commonplace:///var/memory?scope=teams`.
        collection_name: which documents; those without a name if left out.
        scope: where the documents of all collections live; the root of the memory if left out.

    Raises:
        InvalidInputError: an argument is malformed.
    """

    spec: str
    collection_name: str | None = None
    _storage: CommonplaceStorage = PrivateAttr()

    def __init__(
        self,
        memory: Memory | str | Path | None = None,
        *,
        collection_name: str | None = None,
        scope: ScopeLike | None = None,
        spec: str | None = None,
    ) -> None:
        storage = storage_of(spec if memory is None else memory, scope)
        super().__init__(spec=storage.spec, collection_name=collection_name)  # pyright: ignore[reportCallIssue] - pydantic makes it from the fields
        self._storage = storage

    def search(
        self,
        query: list[str],
        limit: int = 5,
        metadata_filter: dict[str, Any] | None = None,
        score_threshold: float = 0.6,
    ) -> list[SearchResult]:
        """The documents nearest to the queries, which are joined to one, best first.

        Args:
            query: what to look for; nothing is found for none.
            limit: at most so many.
            metadata_filter: with all of these values.
            score_threshold: with at least this score, 0 to 1.
        """
        words = " ".join(query)
        if not words.strip() or limit <= 0:
            return []
        hits = self._storage.memory.search(
            words,
            mode="dense",
            scope=self._place,
            kinds=KIND,
            filter=where(metadata_filter),
            limit=limit,
        )
        results = (_result(hit) for hit in hits)
        return [result for result in results if result["score"] >= score_threshold]

    def save(self, documents: list[str]) -> None:
        """Keep documents; one that is there already stays as it is."""
        self._storage.memory.add_many(
            (
                {"content": text, "key": _key(text), "kind": KIND, "source": Source(app=APP)}
                for text in documents
            ),
            scope=self._place,
            if_exists="keep",
        )

    def reset(self) -> None:
        """Delete the documents of this collection."""
        self._storage.memory.delete(scope=self._place, kinds=KIND)

    async def asearch(
        self,
        query: list[str],
        limit: int = 5,
        metadata_filter: dict[str, Any] | None = None,
        score_threshold: float = 0.6,
    ) -> list[SearchResult]:
        """See `search`; never blocks the event loop."""
        return await asyncio.to_thread(self.search, query, limit, metadata_filter, score_threshold)

    async def asave(self, documents: list[str]) -> None:
        """See `save`; never blocks the event loop."""
        await asyncio.to_thread(self.save, documents)

    async def areset(self) -> None:
        """See `reset`; never blocks the event loop."""
        await asyncio.to_thread(self.reset)

    @property
    def _place(self) -> Scope:
        folder = self._storage.root / _FOLDER
        return folder / self.collection_name if self.collection_name else folder / "knowledge"


def storage_of(
    given: Memory | str | Path | None, scope: ScopeLike | None = None
) -> CommonplaceStorage:
    """The storage behind a memory, a path or a spec."""
    if isinstance(given, str) and given.startswith("commonplace://"):
        return open_storage(given)
    return CommonplaceStorage(given, scope=scope)  # pyright: ignore[reportArgumentType] - None is refused there


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _result(hit: Hit) -> SearchResult:
    similarity = 0.0 if hit.similarity is None else hit.similarity
    record = hit.record
    return SearchResult(
        id=record.id,
        content=record.content,
        metadata=dict(record.metadata),
        score=min(max((1.0 + similarity) / 2.0, 0.0), 1.0),
    )
