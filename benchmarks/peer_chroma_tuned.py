"""Raw embedded Chroma with the settings that Commonplace gives its index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peer_chroma import ChromaPeer
from commonplace.index import chroma

if TYPE_CHECKING:
    from pathlib import Path


def open_peer(path: Path) -> ChromaPeer:
    """A collection in this directory."""
    settings = chroma._HNSW  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the same, to compare
    return ChromaPeer(path, {"hnsw": settings})
