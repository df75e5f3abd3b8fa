"""Raw embedded Chroma: a persistent client and one collection, with its default settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import chromadb
from chromadb.config import Settings

from benchmarks.peers import LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from chromadb.api.models.Collection import Collection

    from benchmarks.peers import Narrow, Query, Row


class ChromaPeer:
    """A collection; the parts of a row's scope are metadata, as Chroma's users do it.

    The vectors are of unit length, so Chroma's default metric ranks like the cosine.

    Args:
        path: its directory.
        configuration: of the collection; Chroma's defaults if left out.
    """

    def __init__(self, path: Path, configuration: Mapping[str, Any] | None = None) -> None:
        settings = Settings(anonymized_telemetry=False)
        self._client: Any = chromadb.PersistentClient(str(path), settings=settings)
        self.collection: Collection = self._client.get_or_create_collection(
            "bench",
            embedding_function=None,
            configuration=configuration,
        )

    def put(self, row: Row) -> None:
        """Write one row."""
        self.collection.upsert(
            ids=[row.id], embeddings=[row.vector], documents=[row.text], metadatas=[_metadata(row)]
        )

    def put_many(self, rows: Sequence[Row]) -> None:
        """Write a batch."""
        self.collection.upsert(
            ids=[row.id for row in rows],
            embeddings=[row.vector for row in rows],
            documents=[row.text for row in rows],
            metadatas=[_metadata(row) for row in rows],
        )

    def settle(self) -> None:
        """Nothing to wait for: an upsert that returned is found."""

    def search(self, query: Query, narrow: Narrow) -> list[str]:
        """The ids of the nearest rows; what is included is Chroma's default."""
        found = self.collection.query(
            query_embeddings=[query.vector], n_results=LIMIT, where=_where(narrow)
        )
        return found["ids"][0]

    def close(self) -> None:
        """Release the files."""
        self._client.close()


def open_peer(path: Path) -> ChromaPeer:
    """A collection in this directory."""
    return ChromaPeer(path)


def _metadata(row: Row) -> dict[str, Any]:
    return {**row.metadata, **_places(row.scope)}


def _places(scope: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(("team", "user"), scope, strict=False))


def _where(narrow: Narrow) -> dict[str, Any] | None:
    if narrow.tier:
        return {"tier": narrow.tier}
    # Users' names are unique, so the last part of the scope says it all.
    return dict(list(_places(narrow.scope).items())[-1:]) or None
