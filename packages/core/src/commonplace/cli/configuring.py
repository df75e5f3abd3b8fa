"""The command that shows the settings: `config`."""

from __future__ import annotations

from dataclasses import asdict

from rich.text import Text

from commonplace.cli import options, settings, terminal
from commonplace.rendering import plain


def config(
    *, memory: options.MemoryPath = options.DEFAULT_MEMORY, as_json: options.AsJson = False
) -> None:
    """Show each option, its value and where it came from; passwords and keys are left out."""
    rows = settings.load(memory).shown()
    if as_json:
        terminal.print_json([asdict(row) for row in rows])
        return
    names = max(len(row.name) for row in rows)
    values = max(len(row.value) for row in rows)
    for row in rows:
        line = Text.assemble(
            (f"{row.name:<{names}}  ", "bold"),
            f"{plain(row.value):<{values}}  ",
            (plain(row.origin), "cyan"),
        )
        terminal.console().print(line, soft_wrap=True)
