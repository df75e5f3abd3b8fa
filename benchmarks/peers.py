"""What a peer is: a store that takes rows and answers queries, each through its own public API.

Every peer lives in a module of its own, `peer_<name>.py`, with a function `open_peer(path)`: so a
fresh process can load one of them without the others.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

LIMIT = 10
"""How many hits every search asks for."""

TITLES = {
    "commonplace": "Commonplace",
    "chroma": "Chroma",
    "chroma_tuned": "Chroma, our HNSW settings",
    "sqlite": "SqliteStore",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One memory to write."""

    id: str
    text: str
    vector: Vector
    scope: tuple[str, ...]
    metadata: dict[str, str | int] = field(default_factory=dict[str, "str | int"])


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for; the peers are given the vector, the text is for hybrid searches."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class Narrow:
    """Where it is searched: at and below a scope, and in one tier; empty for everywhere."""

    scope: tuple[str, ...] = ()
    tier: str = ""


class Peer(Protocol):
    """A store under measurement."""

    def put(self, row: Row) -> None:
        """Write one row; when it returns, a search finds it."""
        ...

    def put_many(self, rows: Sequence[Row]) -> None:
        """Write a batch."""
        ...

    def settle(self) -> None:
        """Wait until every index has everything that was written."""
        ...

    def search(self, query: Query, narrow: Narrow) -> list[str]:
        """The ids of the nearest rows; their texts and metadata are read too."""
        ...

    def close(self) -> None:
        """Release the files."""
        ...


def open_peer(name: str, path: Path) -> Peer:
    """A peer on a directory of its own, made if it is new."""
    path.mkdir(parents=True, exist_ok=True)
    peer: Peer = importlib.import_module(f"benchmarks.peer_{name}").open_peer(path)
    return peer
