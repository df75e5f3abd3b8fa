"""Commonplace as a LangGraph store."""

from __future__ import annotations

from langgraph_store_commonplace._labels import label, unlabel
from langgraph_store_commonplace.store import AsyncCommonplaceStore, CommonplaceStore

__version__ = "0.1.0"

__all__ = ["AsyncCommonplaceStore", "CommonplaceStore", "label", "unlabel"]
