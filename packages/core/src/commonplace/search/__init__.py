"""Search: candidates, fusion, order."""

from __future__ import annotations

from commonplace.search.cache import VectorCache
from commonplace.search.request import EXACT_LIMIT, DenseQuery, IndexReader, Mode, Nearest, Request
from commonplace.search.searcher import Searcher

__all__ = [
    "EXACT_LIMIT",
    "DenseQuery",
    "IndexReader",
    "Mode",
    "Nearest",
    "Request",
    "Searcher",
    "VectorCache",
]
