"""Search: candidates, fusion, order."""

from __future__ import annotations

from commonplace.search.cache import VectorCache
from commonplace.search.context import ContextWeights
from commonplace.search.messages import MessageCache
from commonplace.search.request import (
    EXACT_LIMIT,
    Bm25,
    DenseQuery,
    IndexReader,
    Mode,
    Nearest,
    NoAnswer,
    Request,
)
from commonplace.search.searcher import Searcher
from commonplace.search.texts import TextCache

__all__ = [
    "EXACT_LIMIT",
    "Bm25",
    "ContextWeights",
    "DenseQuery",
    "IndexReader",
    "MessageCache",
    "Mode",
    "Nearest",
    "NoAnswer",
    "Request",
    "Searcher",
    "TextCache",
    "VectorCache",
]
