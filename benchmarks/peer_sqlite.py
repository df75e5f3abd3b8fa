"""LangGraph's `SqliteStore` on a file, with vectors that were made elsewhere."""

from __future__ import annotations

import _sqlite3
import ctypes
import sqlite3
from typing import TYPE_CHECKING, Any

import sqlite_vec  # pyright: ignore[reportMissingTypeStubs]
from langgraph.store.base import PutOp
from langgraph.store.sqlite import SqliteStore

from benchmarks.peers import LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.peers import Narrow, Query, Row, Vector


class SqlitePeer:
    """A store; the row's scope is its namespace, its text and metadata are the value.

    Args:
        path: its directory.
    """

    def __init__(self, path: Path) -> None:
        self._vectors: dict[str, Vector] = {}
        self._connection = _connect(path / "store.db")
        index: Any = {"dims": 384, "embed": self._embed, "text_fields": ["text"]}
        self._store = SqliteStore(self._connection, index=index)
        self._store.setup()

    def put(self, row: Row) -> None:
        """Write one row."""
        self._vectors = {row.text: row.vector}
        self._store.put(row.scope, row.id, _value(row))

    def put_many(self, rows: Sequence[Row]) -> None:
        """Write a batch."""
        self._vectors = {row.text: row.vector for row in rows}
        self._store.batch([PutOp(row.scope, row.id, _value(row)) for row in rows])

    def settle(self) -> None:
        """Nothing to wait for: it has no index."""

    def search(self, query: Query, narrow: Narrow) -> list[str]:
        """The ids of the nearest rows."""
        self._vectors = {query.text: query.vector}
        wanted = {"tier": narrow.tier} if narrow.tier else None
        found = self._store.search(narrow.scope, query=query.text, filter=wanted, limit=LIMIT)
        return [item.key for item in found]

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vectors[text].tolist() for text in texts]


def open_peer(path: Path) -> SqlitePeer:
    """A store in this directory."""
    return SqlitePeer(path)


def _value(row: Row) -> dict[str, Any]:
    return {"text": row.text, **row.metadata}


class _Preloaded(sqlite3.Connection):
    """A connection that has sqlite-vec already; see `_connect`."""

    def enable_load_extension(self, _enable: bool, /) -> None:  # noqa: FBT001 - SQLite's signature
        """Nothing to allow."""

    def load_extension(self, _path: str, /, **_options: Any) -> None:
        """Nothing to load."""


def _connect(path: Path) -> sqlite3.Connection:
    """As `SqliteStore.from_conn_string` connects, also where Python cannot load extensions.

    Some builds of Python leave `enable_load_extension` out. SQLite itself can still be told to
    start its next connection with an extension; so both stores run on the same SQLite library.
    """
    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    library = ctypes.CDLL(_sqlite3.__file__)
    start = ctypes.PyDLL(f"{sqlite_vec.loadable_path()}.so").sqlite3_vec_init
    library.sqlite3_auto_extension(start)
    try:
        return sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, factory=_Preloaded
        )
    finally:
        library.sqlite3_cancel_auto_extension(start)
