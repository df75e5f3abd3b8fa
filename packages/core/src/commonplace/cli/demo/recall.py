"""Second act: every user asks their question, and sees what is recalled, misses included."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from commonplace.cli.demo.conversations import scope_of
from commonplace.cli.terminal import moment, shortened
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace import Hits
    from commonplace.cli.demo.conversations import Question
    from commonplace.cli.demo.stage import Stage

DEPTH = 10
_SHOWN = 5
_ROUNDS = 10
_AT = (1, 5, DEPTH)


def recall(stage: Stage) -> dict[str, Any]:
    """Ask all questions, each in its user's scope; count which answers were found, and how fast."""
    ranks = {question.user: _ask(stage, question) for question in stage.conversations.questions}
    asked = len(ranks)
    marked = sum(map(len, stage.marked.values()))
    found = sum(map(len, ranks.values()))
    hit = {f"hit@{k}": _share(ranks, k) for k in _AT}
    times = _times(stage)
    shares = ", ".join(f"{name} {share:.2f}" for name, share in hit.items())
    stage.say(
        f"{asked} questions: {shares} (a marked turn among the first k); {found} of {marked} "
        f"marked turns among the first {DEPTH}.\n"
        f"{len(times)} searches: half within {_percentile(times, 50):.1f} ms, "
        f"95 % within {_percentile(times, 95):.1f} ms."
    )
    return {
        "questions": asked,
        **hit,
        "marked_turns": marked,
        f"marked_turns_in_first_{DEPTH}": found,
        "searches": len(times),
        "search_ms_p50": _percentile(times, 50),
        "search_ms_p95": _percentile(times, 95),
    }


def search(stage: Stage, question: Question, *, user: str | None = None) -> Hits:
    """The hits of a question, in its own user's scope or in another's."""
    view = stage.memory.scope(scope_of(user or question.user))
    return view.search(question.question, limit=DEPTH)


def _ask(stage: Stage, question: Question) -> list[int]:
    """Ask, show, and return the ranks of the marked turns."""
    hits = stage.recalled[question.user] = search(stage, question)
    marked = stage.marked.get(question.user, set())
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit.id in marked]
    stage.say(Text.assemble(plain(question.question), style="bold"))
    stage.say(f"({plain(question.type)}; user {plain(question.user)})")
    stage.say(_table(hits, marked))
    stage.say(_verdict(ranks, len(marked)))
    return ranks


def _table(hits: Hits, marked: set[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, expand=True)
    table.add_column("", width=1, style="bold green")
    table.add_column("score", justify="right", width=5)
    table.add_column("said by", width=9)
    table.add_column("when", width=10)
    table.add_column("what", ratio=1, no_wrap=True, overflow="ellipsis")
    for hit in hits[:_SHOWN]:
        table.add_row(
            "✓" if hit.id in marked else "",
            f"{hit.score:.3f}",
            Text(shortened(str(hit.record.metadata.get("role", "")), 9)),
            moment(hit.record.created_at)[:10],
            Text(shortened(hit.content, 200)),
        )
    return table


def _verdict(ranks: list[int], marked: int) -> Text:
    places = f", at {', '.join(map(str, ranks))}" if ranks else ""
    style = "green" if len(ranks) == marked else "yellow" if ranks else "red"
    sign = "✓" if ranks else "✗"
    line = f"{sign} {len(ranks)} of {marked} marked turns among the first {DEPTH}{places}\n"
    return Text(line, style=style)


def _share(ranks: dict[str, list[int]], k: int) -> float:
    return round(sum(any(rank <= k for rank in found) for found in ranks.values()) / len(ranks), 3)


def _times(stage: Stage) -> list[float]:
    """How long searches take, in milliseconds: every question several times over."""
    times: list[float] = []
    for question in stage.conversations.questions * _ROUNDS:
        started = time.perf_counter()
        search(stage, question)
        times.append((time.perf_counter() - started) * 1000)
    return times


def _percentile(values: list[float], percent: int) -> float:
    """The smallest value that so many per cent of all do not exceed."""
    ordered = sorted(values)
    return round(ordered[-(-len(ordered) * percent // 100) - 1], 2)
