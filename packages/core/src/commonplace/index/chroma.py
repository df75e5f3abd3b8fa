"""Chroma: one collection a space, cosine, our own vectors. It and `remote` alone import Chroma."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import chromadb
import numpy as np
from chromadb.config import Settings
from chromadb.errors import NotFoundError

from commonplace.index.faults import AlteredError, CollectionGoneError
from commonplace.index.remote import RemoteClient
from commonplace.index.servers import NO_LIMITS, ChromaTarget, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from chromadb.api.collection_configuration import CreateCollectionConfiguration
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

    from commonplace.ledger import Space

    T = TypeVar("T")

VERSION = chromadb.__version__

# Chroma's own defaults (16 neighbours, ef_search 100) find 0.82 of the true ten on random vectors,
# these 0.999. A sync_threshold above 1,000 gains nothing in bulk and makes reopening slow: the
# unsynced log is replayed.
_HNSW: CreateCollectionConfiguration = {
    "hnsw": {
        "space": "cosine",
        "max_neighbors": 32,
        "ef_construction": 100,
        "ef_search": 400,
        "sync_threshold": 1000,
    }
}
_CLOUD: CreateCollectionConfiguration = {"spann": {"space": "cosine"}}
_DELETED_AT_ONCE = 1000
_RISING = 1e-4


class _Client(Protocol):
    """What is asked of Chroma, embedded or on a server."""

    @property
    def get_or_create_collection(self) -> Callable[..., Collection]: ...
    @property
    def get_collection(self) -> Callable[..., Collection]: ...
    @property
    def list_collections(self) -> Callable[[], Sequence[Collection]]: ...
    @property
    def delete_collection(self) -> Callable[[str], None]: ...
    @property
    def get_max_batch_size(self) -> Callable[[], int]: ...


class _Calls(Protocol):
    """How requests are made."""

    def again(self, call: Callable[[], T]) -> T:
        """What a request gives that may be repeated."""
        ...

    def quickly(self, call: Callable[[], T]) -> T:
        """What a request gives that somebody waits for; it is not repeated."""
        ...


class _Directly:
    def again(self, call: Callable[[], T]) -> T:
        return call()

    def quickly(self, call: Callable[[], T]) -> T:
        return call()


def _nothing() -> None:
    """Do nothing."""


class ChromaIndex:
    """The collections of one memory in one Chroma.

    Args:
        client: the Chroma client.
        prefix: what the names of these collections begin with.
        family: what those of every index of this memory do.
        calls: how requests are made.
        limits: what Chroma takes.
        configuration: of new collections.
    """

    def __init__(
        self,
        client: _Client,
        prefix: str,
        *,
        family: str | None = None,
        calls: _Calls | None = None,
        limits: Limits = NO_LIMITS,
        configuration: CreateCollectionConfiguration = _HNSW,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._family = family or prefix
        self._calls = calls or _Directly()
        self._remote = calls is not None
        self._configuration = configuration
        self._collections: dict[int, Collection] = {}
        self._made: Callable[[], None] = _nothing
        self._beat: Callable[[], None] = _nothing
        self.limits = limits

    @classmethod
    def embedded(cls, directory: Path) -> ChromaIndex:
        """An index in a directory of its own, readable by its owner alone."""
        return cls(chromadb.PersistentClient(str(directory), settings=_settings()), "space")

    @classmethod
    def server(cls, target: ChromaTarget, ledger_id: str) -> ChromaIndex:
        """The indexes of a memory on a server, apart from other memories' by the ledger's id."""
        client = RemoteClient(target)
        family = f"commonplace-{ledger_id}"
        return cls(
            client,
            family,
            family=family,
            calls=client,
            limits=target.limits,
            configuration=_CLOUD if target.cloud else _HNSW,
        )

    def use(self, generation: str, *, made: Callable[[], None], beat: Callable[[], None]) -> None:
        """Go on with the collections of one index of this memory, of many that there may be.

        Args:
            generation: which.
            made: called when a collection was made and before anything is written to it.
            beat: called between requests.
        """
        self._prefix = f"{self._family}-{generation}"
        self._collections.clear()
        self._made = made
        self._beat = beat

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
        most = self._calls.again(self._client.get_max_batch_size)
        for start in range(0, len(ids), most):
            some = slice(start, start + most)
            given: dict[str, Any] = {
                "ids": list(ids[some]),
                "embeddings": vectors[some],
                "metadatas": [dict(metadata) for metadata in metadatas[some]],
            }
            self._calls.again(lambda given=given: collection.upsert(**given))
            self._beat()

    def delete(self, space: Space, ids: Sequence[str]) -> None:
        """Delete entries; missing ones are no matter."""
        collection = self._collection(space)
        most = self.limits.batch or _DELETED_AT_ONCE
        for start in range(0, len(ids), most):
            some = list(ids[start : start + most])
            self._calls.again(lambda some=some: collection.delete(ids=some))
            self._beat()

    def nearest(
        self, space: Space, vector: NDArray[np.float32], count: int, where: dict[str, Any] | None
    ) -> list[str]:
        """The ids of the nearest entries, nearest first."""
        found = self._collection(space).query(
            query_embeddings=[vector], n_results=count, where=where, include=[]
        )
        return found["ids"][0]

    def measured(
        self, space: Space, vector: NDArray[np.float32], count: int, where: dict[str, Any] | None
    ) -> list[tuple[str, float]]:
        """The ids of the nearest entries and their distances, nearest first.

        Raises:
            CollectionGoneError: the collection is not there.
            AlteredError: the answer is not one to this question.
        """
        most = min(count, self.limits.results or count)
        collection = self._existing(space)
        found = self._calls.quickly(
            lambda: collection.query(
                query_embeddings=[vector], n_results=most, where=where, include=["distances"]
            )
        )
        return self._calls.quickly(lambda: _paired(found, most))

    def count(self, space: Space) -> int:
        """How many entries a space has."""
        return self._counted(space, self._calls.again)

    def quick_count(self, space: Space) -> int:
        """As `count`, while somebody waits."""
        return self._counted(space, self._calls.quickly)

    def prepare(self) -> bool:
        """Nothing: Chroma sorts as it is written to."""
        return False

    def is_preparing(self) -> bool:
        """No."""
        return False

    def _counted(self, space: Space, ask: Callable[[Callable[[], int]], int]) -> int:
        if not self._remote:
            return self._collection(space).count()
        try:
            return int(ask(self._existing(space).count))
        except CollectionGoneError:
            self._collections.pop(space.id, None)
            return 0

    def settle(self, spaces: Iterable[Space]) -> None:
        """Drop the collections of other spaces than these, and give these their present names."""
        wanted = {self._name(space): space for space in spaces}
        self._collections.clear()
        for collection in self._calls.again(self._client.list_collections):
            if (space := wanted.get(collection.name)) is not None:
                if collection.metadata != _label(space):
                    label = _label(space)
                    self._calls.again(lambda one=collection, to=label: one.modify(metadata=to))
            elif collection.name.startswith(f"{self._family}-"):
                self._delete(collection.name)

    def drop(self, space: Space) -> None:
        """Delete a space's collection."""
        self._collections.pop(space.id, None)
        self._delete(self._name(space))

    def close(self) -> None:
        """Release Chroma's files."""
        close = getattr(self._client, "close", None)
        if close is not None:
            close()

    def _delete(self, name: str) -> None:
        with contextlib.suppress(NotFoundError, CollectionGoneError, ValueError):
            self._calls.again(lambda: self._client.delete_collection(name))

    def _existing(self, space: Space) -> Collection:
        if space.id not in self._collections:
            name = self._name(space)
            self._collections[space.id] = self._calls.quickly(
                lambda: self._client.get_collection(name)
            )
        return self._collections[space.id]

    def _collection(self, space: Space) -> Collection:
        if space.id not in self._collections:
            collection = self._calls.again(
                lambda: self._client.get_or_create_collection(
                    self._name(space),
                    embedding_function=None,
                    configuration=self._configuration,
                    metadata=_label(space),
                )
            )
            self._made()
            self._collections[space.id] = collection
        return self._collections[space.id]

    def _name(self, space: Space) -> str:
        return f"{self._prefix}-{space.id}"


def _label(space: Space) -> dict[str, str]:
    """What tells a Chroma tool which model's vectors a collection holds."""
    return {"space": space.name, "embedder": space.identity}


def _paired(found: Any, most: int) -> list[tuple[str, float]]:
    """Ids and distances, if they can be an answer at all."""
    (ids,), (distances,) = found["ids"], found["distances"]
    distances = [float(distance) for distance in distances]
    known = all(isinstance(name, str) for name in ids)
    rising = np.all(np.diff(distances) >= -_RISING)
    if not known or not rising or len(ids) > most or len(ids) > len(set(ids)):
        raise AlteredError("the Chroma server gave an answer that is none to the question")
    return list(zip(ids, distances, strict=True))


def _settings() -> Settings:
    # `_env_file` is pydantic's: whose `.env` the process happens to stand beside is no matter.
    return Settings(_env_file=None, anonymized_telemetry=False)  # pyright: ignore[reportCallIssue]
