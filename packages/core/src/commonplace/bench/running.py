"""Runs the bench: every question to every system, each ranking scored."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from commonplace.bench.metrics import area, interval, scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from commonplace.bench.data import Conversation, Question
    from commonplace.bench.systems import System

DEPTH = 50
"""How many turns each system is asked for; sessions are ranked by their best turn."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one system did.

    Attributes:
        system: its name.
        rows: one for each question: its id, category, ranking, measures and milliseconds.
        foreign: the relevance that it gave to questions about other conversations.
        foreign_turns: how many turns of other conversations it returned.
        add_seconds: how long it took to keep all conversations.
    """

    system: str
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    foreign: list[float] = field(default_factory=list[float])
    foreign_turns: int = 0
    add_seconds: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Means with their confidence intervals, by category, and times."""
        times = [row["milliseconds"] for row in self.rows]
        groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows:
            groups[row["category"]].append(row)
        return {
            "system": self.system,
            "questions": len(self.rows),
            "overall": _means(self.rows),
            "categories": {name: _means(rows) for name, rows in sorted(groups.items())},
            "abstention_auc": self._abstention(),
            "foreign_turns": self.foreign_turns,
            "add_seconds": round(self.add_seconds, 3),
            "search_ms_p50": round(float(np.percentile(times, 50)), 2),
            "search_ms_p95": round(float(np.percentile(times, 95)), 2),
        }

    def _abstention(self) -> float | None:
        """How well it tells its own questions from those about another conversation."""
        own = [row["relevance"] for row in self.rows if row["relevance"] is not None]
        return round(area(own, self.foreign), 4) if own and self.foreign else None


def run(
    name: str,
    factory: Callable[[], System],
    conversations: Sequence[Conversation],
    *,
    pooled: bool = False,
) -> Result:
    """Ask one system everything.

    Args:
        name: what it is called.
        factory: makes it.
        conversations: what it is told, and asked.
        pooled: whether one system holds all conversations; otherwise there is one for each.
    """
    rows: list[dict[str, Any]] = []
    foreign: list[float] = []
    spent = 0.0
    for held, asked in _turns(conversations, pooled=pooled):
        system = factory()
        try:
            started = time.perf_counter()
            for conversation in held:
                system.add(conversation)
            spent += time.perf_counter() - started
            for conversation, others in asked:
                rows += [
                    _row(system, conversation, question) for question in conversation.questions
                ]
                foreign += _foreign(system, conversation, others)
        finally:
            system.close()
    leaked = sum(row.pop("foreign") for row in rows)
    return Result(name, rows, foreign, leaked, spent)


def _turns(
    conversations: Sequence[Conversation], *, pooled: bool
) -> Iterator[tuple[Sequence[Conversation], list[tuple[Conversation, Sequence[Question]]]]]:
    """What each system holds, and the conversations it is asked about with another's questions."""
    others = [*conversations[1:], *conversations[:1]]
    pairs: list[tuple[Conversation, Sequence[Question]]] = [
        (one, other.questions if other is not one else ())
        for one, other in zip(conversations, others, strict=True)
    ]
    if pooled:
        yield conversations, pairs
    else:
        for one, questions in pairs:
            yield [one], [(one, questions)]


def _row(system: System, conversation: Conversation, question: Question) -> dict[str, Any]:
    started = time.perf_counter()
    ranked = list(system.search(conversation.id, question, DEPTH))
    spent = (time.perf_counter() - started) * 1000
    sessions = {turn.id: turn.session for turn in conversation.turns}
    return {
        "question": question.id,
        "conversation": conversation.id,
        "category": question.category,
        "answers": list(question.answers),
        "ranked": ranked,
        **scores(ranked, question.answers, sessions),
        "relevance": getattr(system, "relevance", None),
        "foreign": sum(one not in sessions for one in ranked),
        "milliseconds": spent,
    }


def _foreign(
    system: System, conversation: Conversation, questions: Sequence[Question]
) -> list[float]:
    if not hasattr(system, "relevance"):
        return []
    found: list[float] = []
    for question in questions:
        system.search(conversation.id, question, 1)
        found.append(float(getattr(system, "relevance", 0.0) or 0.0))
    return found


def _means(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = ["recall@5", "recall@10", "hit@5", "nDCG@10", "MRR", "session hit@5"]
    groups = [row["conversation"] for row in rows]
    means: dict[str, Any] = {"n": len(rows)}
    for name in names:
        values = [row[name] for row in rows]
        low, high = interval(values, groups)
        means[name] = round(float(np.mean(values)), 4)
        means[f"{name} 95%"] = [round(low, 4), round(high, 4)]
    return means
