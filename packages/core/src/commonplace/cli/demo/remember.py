"""First act: every session becomes a thread, every turn a message in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from commonplace import Source
from commonplace.cli.demo.conversations import scope_of

if TYPE_CHECKING:
    from commonplace.cli.demo.conversations import Session
    from commonplace.cli.demo.stage import Stage


def remember(stage: Stage) -> dict[str, Any]:
    """Add all sessions, and keep which records the data set marks as answers."""
    sessions = stage.conversations.sessions
    users = len(stage.conversations.questions)
    turns = sum(len(session.turns) for session in sessions)
    started = time.perf_counter()
    with _progress(stage) as bar:
        task = bar.add_task("remembering", total=turns)
        for session in sessions:
            _add(stage, session)
            bar.advance(task, len(session.turns))
    seconds = time.perf_counter() - started
    rate = turns / seconds
    stage.say(
        f"{turns:,} messages of {users} users in {len(sessions)} sessions remembered "
        f"in {seconds:.1f} s, {rate:,.0f} a second."
    )
    return {
        "users": users,
        "sessions": len(sessions),
        "records": turns,
        "seconds": round(seconds, 3),
        "records_per_second": round(rate, 1),
    }


def _add(stage: Stage, session: Session) -> None:
    source = Source(app="commonplace-demo", user=session.user, thread=session.name)
    thread = stage.memory.thread(session.name, scope=scope_of(session.user), source=source)
    added = thread.add(session.messages())
    for message, turn in zip(added, session.turns, strict=True):
        if turn.has_answer:
            stage.marked.setdefault(session.user, set()).add(message.record_id)


def _progress(stage: Stage) -> Progress:
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = stage.console
    return Progress(
        *columns, console=console, transient=True, disable=console.quiet or not console.is_terminal
    )
