"""Last act: one question, asked through every framework whose package is installed."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from commonplace.cli.demo.conversations import scope_of
from commonplace.cli.demo.recall import DEPTH
from commonplace.cli.terminal import shortened
from commonplace.rendering import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import Memory
    from commonplace.cli.demo.conversations import Question
    from commonplace.cli.demo.stage import Stage

GROUP = "commonplace.demo"
"""Entry points of this group are functions that recall through one framework's own interface."""


class Recall(Protocol):
    """Asks a memory through a framework."""

    def __call__(self, memory: Memory, scope: Sequence[str], question: str, /) -> list[str]:
        """The texts that the framework is given, best first, at most ten."""
        ...


def frameworks(stage: Stage) -> dict[str, Any]:
    """Recall the same memory through each framework; all must be given what the core finds."""
    question = _answered(stage)
    place = scope_of(question.user)
    expected = [
        hit.content for hit in stage.memory.search(question.question, scope=place, limit=DEPTH)
    ]
    found = {
        entry.name: entry.load()(stage.memory, place.segments, question.question)
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    }
    if not found:
        stage.say(
            "Frameworks: none of the packages for LangGraph, LangChain, CrewAI, AutoGen is here."
        )
        return {}
    stage.say(f"One memory, {len(found)} frameworks: {plain(question.question)}")
    table = Table("framework", "recalled", "first", box=SIMPLE_HEAD, expand=True)
    shares = {name: _share(texts, expected) for name, texts in found.items()}
    for name, texts in found.items():
        first = Text(shortened(texts[0], 90) if texts else "")
        table.add_row(name, f"{len(texts)}, {shares[name]:.0%} of the core's", first)
    stage.say(table)
    return {**shares, "ok": all(shares.values())}


def _answered(stage: Stage) -> Question:
    """The first question whose answer was found at once, if there is one."""
    questions = stage.conversations.questions
    answered = (
        question
        for question in questions
        if stage.recalled[question.user][0].id in stage.marked.get(question.user, set())
    )
    return next(answered, questions[0])


def _share(texts: Sequence[str], expected: Sequence[str]) -> float:
    """Which part of what the core finds the framework was given too."""
    return round(sum(text in texts for text in expected) / len(expected), 3) if expected else 0.0
