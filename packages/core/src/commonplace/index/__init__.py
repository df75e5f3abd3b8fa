"""The vector index: Chroma in a process of its own, following the ledger's journal."""

from __future__ import annotations

from commonplace.index.index import Index, open_index

__all__ = ["Index", "open_index"]
