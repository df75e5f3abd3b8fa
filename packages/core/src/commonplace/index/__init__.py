"""The vector index: Chroma in a process of its own, following the ledger's journal."""

from __future__ import annotations

from commonplace.index.index import Index, open_index
from commonplace.index.manifest import chroma_versions

__all__ = ["Index", "chroma_versions", "open_index"]
