"""What `commonplace demo` asks a crew's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace import Scope
from crewai_commonplace.memory import commonplace_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import Memory

_RECALLED = 10


def recall(memory: Memory, scope: Sequence[str], question: str) -> list[str]:
    """What a crew is given by its memory, best first, without a model."""
    crew = commonplace_memory(memory, scope=Scope(*scope))
    matches = crew.recall(question, limit=_RECALLED, depth="shallow")
    return [match.record.content for match in matches]
