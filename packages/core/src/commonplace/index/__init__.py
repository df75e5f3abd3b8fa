"""The vector index: Chroma in a process of its own, following the ledger's journal."""

from __future__ import annotations

from commonplace.index.begun import EMBEDDED, place_of
from commonplace.index.index import Index, open_index
from commonplace.index.manifest import chroma_versions
from commonplace.index.servers import ChromaCloud, ChromaServer

__all__ = [
    "EMBEDDED",
    "ChromaCloud",
    "ChromaServer",
    "Index",
    "chroma_versions",
    "open_index",
    "place_of",
]
