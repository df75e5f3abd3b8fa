"""The commands that look after a memory: `stats`, `verify` and `repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from commonplace import StoreDamagedError
from commonplace.cli import options, terminal
from commonplace.cli.opening import opened
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace import Report

PROBLEMS = 3
"""The exit code when there are problems: not 1, so that a script tells them from a failure."""


def stats(
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Count records, scopes, kinds, vectors and bytes."""
    with opened(memory, index=True) as source:
        figures = source.stats().to_dict()
    if as_json:
        terminal.print_json(figures)
    else:
        terminal.print_parts(figures)


def verify(
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Look for damage. Changes nothing; exit code 3 if there is any."""
    try:
        with opened(memory, index=True) as source:
            _print_report(source.verify(), as_json=as_json)
    except StoreDamagedError as error:
        # Damage so great that it does not open is what this command is for.
        _print_problems([str(error)], as_json=as_json)
        raise typer.Exit(PROBLEMS) from error


def repair(
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Mend what can be mended from the ledger; exit code 3 if problems remain."""
    with opened(memory, index=True) as source:
        _print_report(source.repair(), as_json=as_json)


def _print_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        for mended in report.mended:
            typer.echo(f"mended: {plain(mended)}")
        for problem in report.problems:
            typer.echo(f"problem: {plain(problem)}")
        if report.ok:
            typer.echo("no problems")
    if not report.ok:
        raise typer.Exit(PROBLEMS)


def _print_problems(problems: list[str], *, as_json: bool) -> None:
    if as_json:
        terminal.print_json({"ok": False, "problems": problems, "mended": []})
    else:
        for problem in problems:
            typer.echo(f"problem: {plain(problem)}")
