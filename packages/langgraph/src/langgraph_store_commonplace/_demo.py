"""What `commonplace demo` asks a LangGraph store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langgraph_store_commonplace.store import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import Memory

_RECALLED = 10


def recall(memory: Memory, scope: Sequence[str], question: str) -> list[str]:
    """What a node or a tool of a graph is given by its store, best first."""
    store = CommonplaceStore(memory, mode="hybrid")
    items = store.search(tuple(scope), query=question, limit=_RECALLED)
    return [str(item.value["content"]) for item in items]
