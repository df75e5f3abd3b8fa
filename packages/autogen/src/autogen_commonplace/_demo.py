"""What `commonplace demo` asks an assistant's memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from autogen_commonplace.memory import CommonplaceMemory
from commonplace import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import Memory

_RECALLED = 10


def recall(memory: Memory, scope: Sequence[str], question: str) -> list[str]:
    """What an assistant is given by its memory, best first."""
    book = CommonplaceMemory(memory, scope=Scope(*scope), k=_RECALLED)
    results = asyncio.run(book.query(question)).results
    return [str(found.content) for found in results]
