"""The command that writes and checks audit files: `audit`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from commonplace.cli import options, terminal
from commonplace.cli.care import PROBLEMS
from commonplace.cli.opening import opened
from commonplace.rendering import plain


def audit(
    path: Annotated[Path, typer.Argument(help="The file; compressed if its name ends in .gz.")],
    *,
    after: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Go on where this audit file ended.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the file against the memory; write nothing.")
    ] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Write the journal into a file in which every later change shows; exit code 3 if one does."""
    if check and after is not None:
        raise typer.BadParameter("--after is for writing; --check takes the file alone")
    with opened(memory) as source:
        report = source.check_audit(path) if check else source.audit(path, after=after)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        shown = terminal.counted(report.entries, "event")
        typer.echo(f"{shown}, {report.erased:,} of them erased, up to number {report.last:,}")
        typer.echo(f"hash {plain(report.head)}")
        for problem in report.problems:
            typer.echo(f"problem: {plain(problem)}")
    if not report.ok:
        raise typer.Exit(PROBLEMS)
