"""The command that examines a memory and all around it: `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from commonplace.cli import options, settings, terminal
from commonplace.cli.care import PROBLEMS
from commonplace.rendering import plain


def doctor(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="Do what can be done without losing anything.")
    ] = False,
    index: options.IndexPlace = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Say what is wrong with a memory and what would be done; exit code 3 if problems remain."""
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace import doctor as examine  # noqa: PLC0415

    said = settings.load(memory, index=index)
    found = examine(
        said.path,
        fix=fix,
        embedder=said.embedder(),
        index=said.index(),
        encryption=settings.keys_for_reading(),
    )
    if as_json:
        terminal.print_json(found.to_dict())
    else:
        for one in found.findings:
            label = "fixed" if one.fixed else "problem" if one.problem else "note"
            typer.echo(f"{label}: {one.about}: {plain(one.text)}")
            if not one.fixed:
                would = "--fix would" if one.fixable and not fix else "what to do"
                typer.echo(f"    {would}: {plain(one.remedy)}")
        if not found.findings:
            typer.echo("no problems")
    if not found.ok:
        raise typer.Exit(PROBLEMS)
