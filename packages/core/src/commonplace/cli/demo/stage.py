"""What the acts of the demo share: the memory, the conversations, and where to speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commonplace import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from commonplace import Hits
    from commonplace.cli.demo.conversations import Conversations


@dataclass(slots=True, kw_only=True)
class Stage:
    """The state of a running demo.

    Attributes:
        path: where the memory lives.
        memory: the memory, open.
        conversations: what is remembered and asked.
        console: where acts speak; quiet when only figures are wanted.
        marked: for each user the ids of the records that the data set marks as answers.
        recalled: for each user the hits of their question, as first found.
    """

    path: Path
    memory: Memory
    conversations: Conversations
    console: Console
    marked: dict[str, set[str]] = field(default_factory=dict[str, "set[str]"])
    recalled: dict[str, Hits] = field(default_factory=dict[str, "Hits"])

    def say(self, line: Any = "") -> None:
        """Show a line, a table or another rich renderable."""
        self.console.print(line)

    def open(self) -> None:
        """Open the memory from its files, in place of one that was closed."""
        self.memory = Memory(self.path)
