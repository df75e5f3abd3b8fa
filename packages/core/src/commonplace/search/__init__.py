"""Search: candidates, fusion, order."""

from __future__ import annotations

from commonplace.search.cache import VectorCache
from commonplace.search.request import DenseQuery, IndexReader, Mode, Nearest, Request
from commonplace.search.searcher import Searcher

__all__ = ["DenseQuery", "IndexReader", "Mode", "Nearest", "Request", "Searcher", "VectorCache"]
