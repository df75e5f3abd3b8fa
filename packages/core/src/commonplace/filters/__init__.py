"""Filters: one tree, parsed once, matched in plain Python, compiled to SQL by the ledger."""

from __future__ import annotations

from commonplace.filters.match import compare, matches
from commonplace.filters.parse import parse_filter
from commonplace.filters.tree import EVERYTHING, And, Compare, Field, Filter, Not, Or, roots

__all__ = [
    "EVERYTHING",
    "And",
    "Compare",
    "Field",
    "Filter",
    "Not",
    "Or",
    "compare",
    "matches",
    "parse_filter",
    "roots",
]
