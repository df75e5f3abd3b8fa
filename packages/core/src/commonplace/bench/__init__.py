"""How well questions find the turns that answer them: here, and in other systems."""

from __future__ import annotations

from commonplace.bench.data import Conversation, Question, Turn, load
from commonplace.bench.page import written_into
from commonplace.bench.running import Result, run
from commonplace.bench.systems import SYSTEMS, System, made

__all__ = [
    "SYSTEMS",
    "Conversation",
    "Question",
    "Result",
    "System",
    "Turn",
    "load",
    "made",
    "run",
    "written_into",
]
