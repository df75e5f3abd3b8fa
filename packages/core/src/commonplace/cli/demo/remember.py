"""First act: every turn of every session becomes a record."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.cli.demo.conversations import Conversations
    from commonplace.cli.demo.stage import Stage

_BATCH = 500


def remember(stage: Stage) -> dict[str, Any]:
    """Add all turns in batches, and keep which records the data set marks as answers."""
    turns = list(_turns(stage.conversations))
    users = len(stage.conversations.questions)
    sessions = len(stage.conversations.sessions)
    started = time.perf_counter()
    with _progress(stage) as bar:
        task = bar.add_task("remembering", total=len(turns))
        rest = iter(turns)
        while batch := list(islice(rest, _BATCH)):
            _add(stage, batch)
            bar.advance(task, len(batch))
    seconds = time.perf_counter() - started
    rate = len(turns) / seconds
    stage.say(
        f"{len(turns):,} messages of {users} users in {sessions} sessions remembered "
        f"in {seconds:.1f} s, {rate:,.0f} a second."
    )
    return {
        "users": users,
        "sessions": sessions,
        "records": len(turns),
        "seconds": round(seconds, 3),
        "records_per_second": round(rate, 1),
    }


def _turns(conversations: Conversations) -> Iterator[tuple[str, dict[str, Any], bool]]:
    for session in conversations.sessions:
        for turn, record in zip(session.turns, session.records(), strict=True):
            yield session.user, record, turn.has_answer


def _add(stage: Stage, batch: list[tuple[str, dict[str, Any], bool]]) -> None:
    stored = stage.memory.add_many([record for _, record, _ in batch])
    for record, (user, _, has_answer) in zip(stored, batch, strict=True):
        if has_answer:
            stage.marked.setdefault(user, set()).add(record.id)


def _progress(stage: Stage) -> Progress:
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = stage.console
    return Progress(
        *columns, console=console, transient=True, disable=console.quiet or not console.is_terminal
    )
