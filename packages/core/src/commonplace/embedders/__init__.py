"""Embedders: the port, the adapters, and those that come with Commonplace."""

from __future__ import annotations

from commonplace.embedders.adapters import (
    CallableEmbedder,
    as_embedder,
    checked_embedding,
    from_chroma,
    from_langchain,
)
from commonplace.embedders.hashing import HashingEmbedder, PrecomputedEmbedder
from commonplace.embedders.passages import passages
from commonplace.embedders.port import Embedder

__all__ = [
    "CallableEmbedder",
    "Embedder",
    "HashingEmbedder",
    "PrecomputedEmbedder",
    "as_embedder",
    "checked_embedding",
    "from_chroma",
    "from_langchain",
    "passages",
]
