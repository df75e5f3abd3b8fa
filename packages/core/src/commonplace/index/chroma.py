"""Chroma: the only module that imports it. One collection a space, cosine, our own vectors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import chromadb
from chromadb.config import Settings
from chromadb.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateHNSWConfiguration
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

    from commonplace.ledger import Space

VERSION = chromadb.__version__

# Chroma's own defaults (16 neighbours, ef_search 100) find 0.82 of the true ten on random vectors,
# these 0.999. A sync_threshold above 1,000 gains nothing in bulk and makes reopening slow: the
# unsynced log is replayed.
_HNSW: CreateHNSWConfiguration = {
    "space": "cosine",
    "max_neighbors": 32,
    "ef_construction": 100,
    "ef_search": 400,
    "sync_threshold": 1000,
}
_DELETED_AT_ONCE = 1000


class ChromaIndex:
    """The collections of one memory in one Chroma.

    Args:
        client: the Chroma client.
        prefix: what the collections' names begin with.
    """

    def __init__(self, client: ClientAPI, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._collections: dict[int, Collection] = {}

    @classmethod
    def embedded(cls, directory: Path) -> ChromaIndex:
        """An index in a directory of its own, readable by its owner alone."""
        return cls(chromadb.PersistentClient(str(directory), settings=_settings()), "space")

    @classmethod
    def server(cls, url: str, ledger_id: str) -> ChromaIndex:
        """An index on a Chroma server, apart from other memories' by the ledger's id."""
        parts = urlsplit(url)
        client = chromadb.HttpClient(
            host=parts.hostname or "localhost",
            port=parts.port or (443 if parts.scheme == "https" else 8000),
            ssl=parts.scheme == "https",
            settings=_settings(),
        )
        return cls(client, f"commonplace-{ledger_id}")

    def upsert(
        self,
        space: Space,
        ids: Sequence[str],
        vectors: NDArray[np.float32],
        metadatas: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write entries; those with the same id are replaced.

        The texts stay in the ledger alone: here they would cost a seventh of the time, and an
        erased one would have to be hunted for in more files.
        """
        collection = self._collection(space)
        most = self._client.get_max_batch_size()
        for start in range(0, len(ids), most):
            some = slice(start, start + most)
            collection.upsert(
                ids=list(ids[some]),
                embeddings=vectors[some],
                metadatas=[dict(metadata) for metadata in metadatas[some]],
            )

    def delete(self, space: Space, ids: Sequence[str]) -> None:
        """Delete entries; missing ones are no matter."""
        collection = self._collection(space)
        for start in range(0, len(ids), _DELETED_AT_ONCE):
            collection.delete(ids=list(ids[start : start + _DELETED_AT_ONCE]))

    def nearest(
        self, space: Space, vector: NDArray[np.float32], count: int, where: dict[str, Any] | None
    ) -> list[str]:
        """The ids of the nearest entries, nearest first."""
        found = self._collection(space).query(
            query_embeddings=[vector], n_results=count, where=where, include=[]
        )
        return found["ids"][0]

    def count(self, space: Space) -> int:
        """How many entries a space has."""
        return self._collection(space).count()

    def settle(self, spaces: Iterable[Space]) -> None:
        """Drop the collections of other spaces than these, and give these their present names."""
        wanted = {self._name(space): space for space in spaces}
        self._collections.clear()
        for collection in self._client.list_collections():
            if (space := wanted.get(collection.name)) is not None:
                if collection.metadata != _label(space):
                    collection.modify(metadata=_label(space))
            elif collection.name.startswith(f"{self._prefix}-"):
                self._client.delete_collection(collection.name)

    def drop(self, space: Space) -> None:
        """Delete a space's collection."""
        self._collections.pop(space.id, None)
        with contextlib.suppress(NotFoundError, ValueError):
            self._client.delete_collection(self._name(space))

    def close(self) -> None:
        """Release Chroma's files."""
        close = getattr(self._client, "close", None)
        if close is not None:
            close()

    def _collection(self, space: Space) -> Collection:
        if space.id not in self._collections:
            self._collections[space.id] = self._client.get_or_create_collection(
                self._name(space),
                embedding_function=None,
                configuration={"hnsw": _HNSW},
                metadata=_label(space),
            )
        return self._collections[space.id]

    def _name(self, space: Space) -> str:
        return f"{self._prefix}-{space.id}"


def _label(space: Space) -> dict[str, str]:
    """What tells a Chroma tool which model's vectors a collection holds."""
    return {"space": space.name, "embedder": space.identity}


def _settings() -> Settings:
    # `_env_file` is pydantic's: whose `.env` the process happens to stand beside is no matter.
    return Settings(_env_file=None, anonymized_telemetry=False)  # pyright: ignore[reportCallIssue]
