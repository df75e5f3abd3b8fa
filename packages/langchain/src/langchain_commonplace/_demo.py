"""What `commonplace demo` asks a LangChain retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace import Scope
from langchain_commonplace.retriever import CommonplaceRetriever

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import Memory

_RECALLED = 10


def recall(memory: Memory, scope: Sequence[str], question: str) -> list[str]:
    """What a chain is given by its retriever, best first."""
    retriever = CommonplaceRetriever(memory=memory, scope=Scope(*scope), k=_RECALLED)
    return [document.page_content for document in retriever.invoke(question)]
