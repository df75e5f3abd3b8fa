"""Commonplace for LangChain: agent middleware, tools, retriever, key-value store, chat history.

The public names are loaded when they are first used: a retriever needs no agent framework.
`langchain_commonplace.classic` is apart; it needs the extra `[classic]`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_commonplace.history import CommonplaceChatMessageHistory
    from langchain_commonplace.middleware import CommonplaceMemoryMiddleware
    from langchain_commonplace.retriever import CommonplaceRetriever, render_documents
    from langchain_commonplace.stores import (
        CommonplaceByteStore,
        CommonplaceDocumentStore,
        CommonplaceKeyValueStore,
    )
    from langchain_commonplace.tools import create_manage_memory_tool, create_search_memory_tool

__version__ = "0.1.0"

_HOMES = {
    "history": ["CommonplaceChatMessageHistory"],
    "middleware": ["CommonplaceMemoryMiddleware"],
    "retriever": ["CommonplaceRetriever", "render_documents"],
    "stores": ["CommonplaceByteStore", "CommonplaceDocumentStore", "CommonplaceKeyValueStore"],
    "tools": ["create_manage_memory_tool", "create_search_memory_tool"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CommonplaceByteStore",
    "CommonplaceChatMessageHistory",
    "CommonplaceDocumentStore",
    "CommonplaceKeyValueStore",
    "CommonplaceMemoryMiddleware",
    "CommonplaceRetriever",
    "create_manage_memory_tool",
    "create_search_memory_tool",
    "render_documents",
]


def __getattr__(name: str) -> Any:
    """The public name, loaded now (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
