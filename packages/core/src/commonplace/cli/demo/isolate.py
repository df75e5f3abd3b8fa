"""Third act: one user's question, asked by another, finds nothing of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonplace.cli.demo.conversations import scope_of
from commonplace.cli.demo.recall import search
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace.cli.demo.conversations import Question
    from commonplace.cli.demo.stage import Stage


def isolate(stage: Stage) -> dict[str, Any]:
    """Ask each question in the next user's view, and read there the ids its own user was shown."""
    questions = stage.conversations.questions
    others = (*questions[1:], questions[0])
    seen = read = asked = 0
    for question, other in zip(questions, others, strict=True):
        if question.user != other.user:
            asked += 1
            seen += _seen(stage, question, other.user)
            read += _read(stage, question, other.user)
    stage.say(
        f"Isolation: {asked} questions asked again in another user's view. Records of the one who "
        f"first asked: {seen} found by search, {read} read by id."
    )
    if asked:
        first, second = (plain(one.user) for one in (questions[0], others[0]))
        stage.say(
            f"(User {second} asks what {first} asked, and is answered out of {second}'s own.)"
        )
    return {"asked": asked, "foreign_found": seen, "foreign_read": read, "ok": not seen + read}


def _seen(stage: Stage, question: Question, other: str) -> int:
    inside = scope_of(other)
    hits = search(stage, question, user=other)
    return sum(not inside.contains(hit.record.scope) for hit in hits)


def _read(stage: Stage, question: Question, other: str) -> int:
    view = stage.memory.scope(scope_of(other))
    found = view.get_many(hit.id for hit in stage.recalled[question.user])
    return sum(record is not None for record in found)
