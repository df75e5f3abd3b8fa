"""The order of the acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonplace import Memory
from commonplace.cli.demo.frameworks import frameworks
from commonplace.cli.demo.isolate import isolate
from commonplace.cli.demo.recall import recall
from commonplace.cli.demo.remember import remember
from commonplace.cli.demo.reopen import reopen
from commonplace.cli.demo.revise import revise
from commonplace.cli.demo.stage import Stage
from commonplace.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from commonplace.cli.demo.conversations import Conversations

ACTS: tuple[Callable[[Stage], dict[str, Any]], ...] = (
    remember,
    recall,
    isolate,
    revise,
    reopen,
    frameworks,
)


def perform(conversations: Conversations, path: Path, *, quiet: bool) -> dict[str, Any]:
    """Play every act on a new memory at `path`.

    Returns:
        The figures of each act, by its name. Those that prove something have an `ok`.
    """
    stage = Stage(
        path=path,
        memory=Memory(path),
        conversations=conversations,
        console=console(quiet=quiet),
    )
    try:
        figures: dict[str, Any] = {}
        for act in ACTS:
            figures[act.__name__] = act(stage)
            stage.say()
        return figures
    finally:
        stage.memory.close()
