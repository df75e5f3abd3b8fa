"""Commonplace with all its defaults, and vectors that were made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from benchmarks.peers import LIMIT
from commonplace import Memory, PrecomputedEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.peers import Narrow, Query, Row


class CommonplacePeer:
    """A `Memory`; the row's scope is its scope.

    Args:
        path: its directory.
        durability: `"full"` waits for the disk on every write.
    """

    def __init__(self, path: Path, *, durability: Literal["normal", "full"] = "normal") -> None:
        embedder = PrecomputedEmbedder("bench", 384)
        self.memory = Memory(path, embedder=embedder, durability=durability)

    def put(self, row: Row) -> None:
        """Write one row."""
        self.memory.add(
            row.text, id=row.id, scope="/".join(row.scope), vector=row.vector, metadata=row.metadata
        )

    def put_many(self, rows: Sequence[Row]) -> None:
        """Write a batch, all or nothing."""
        self.memory.add_many(
            {
                "content": row.text,
                "id": row.id,
                "scope": "/".join(row.scope),
                "vector": row.vector,
                "metadata": row.metadata,
            }
            for row in rows
        )

    def settle(self) -> None:
        """Wait for the index to catch up."""
        self.memory.flush()

    def search(self, query: Query, narrow: Narrow) -> list[str]:
        """The ids of the nearest rows."""
        hits = self.memory.search(vector=query.vector, limit=LIMIT, **self._where(narrow))
        return [hit.record.id for hit in hits]

    def hybrid(self, query: Query, narrow: Narrow) -> list[str]:
        """The ids of the best rows by meaning and words."""
        where = self._where(narrow)
        hits = self.memory.search(query.text, vector=query.vector, limit=LIMIT, **where)
        return [hit.record.id for hit in hits]

    def close(self) -> None:
        """Release the files and end the index process."""
        self.memory.close()

    def _where(self, narrow: Narrow) -> dict[str, Any]:
        return {
            "scope": "/".join(narrow.scope) or None,
            "filter": {"tier": narrow.tier} if narrow.tier else None,
        }


def open_peer(path: Path) -> CommonplacePeer:
    """A memory in this directory."""
    return CommonplacePeer(path)
