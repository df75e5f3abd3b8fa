"""Fourth act: a fact is written, corrected, and the very next search sees the correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonplace.cli.demo.conversations import scope_of
from commonplace.cli.demo.recall import search
from commonplace.cli.terminal import shortened

if TYPE_CHECKING:
    from commonplace.cli.demo.conversations import Question
    from commonplace.cli.demo.stage import Stage


def revise(stage: Stage) -> dict[str, Any]:
    """Note down a question as open, then with its answer; ask it again."""
    question = _fitting(stage.conversations.questions)
    view = stage.memory.scope(scope_of(question.user))
    written = view.add(f"{question.question} Not known yet.")
    corrected = view.update(written.id, content=f"{question.question} {question.answer}")
    found = {hit.id: hit.record for hit in search(stage, question)}.get(written.id)
    ok = found is not None and found.content == corrected.content
    shown = "nothing of it" if found is None else f'"{shortened(found.content, 80)}"'
    stage.say(
        f"Update: a fact was noted as not known yet, then corrected (version {corrected.version}). "
        f"The next search finds {shown}."
    )
    return {"version": corrected.version, "ok": ok}


def _fitting(questions: tuple[Question, ...]) -> Question:
    """One about something that changed, if there is one."""
    changed = (question for question in questions if question.type == "knowledge-update")
    return next(changed, questions[0])
