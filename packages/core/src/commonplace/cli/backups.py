"""The commands that copy a memory into a file and make a memory of one."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from commonplace.cli import options, settings, terminal
from commonplace.cli.opening import opened


def backup(
    target: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Take the place of a file of that name.")
    ] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Write a whole memory into one file that can be checked; others may write meanwhile."""
    with opened(memory) as source, terminal.progressing() as told:
        report = source.backup(target, overwrite=overwrite, progress=told)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        typer.echo(
            f"backed up {terminal.counted(report.records)} and {report.versions:,} former states "
            f"in {report.size:,} bytes"
        )


def restore_backup(
    backup: Annotated[Path, typer.Argument(help="A file that `commonplace backup` wrote.")],
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take the place of a memory, which is kept beside it."),
    ] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Check a backup, and make a memory of it at --memory."""
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace import restore_backup as restored  # noqa: PLC0415

    with terminal.progressing() as told:
        report = restored(backup, settings.place(memory), replace=replace, progress=told)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        held = terminal.counted(report.backup.records)
        typer.echo(f"restored {held} of {terminal.moment(report.backup.made_at)} to {report.path}")
        if report.previous is not None:
            typer.echo(f"the memory that was there is now {report.previous}")
