"""The command that moves a whole memory from one ledger to another: `migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commonplace.cli import options, terminal
from commonplace.cli.care import PROBLEMS

if TYPE_CHECKING:
    from commonplace import MigrationReport


def migrate(
    source: Annotated[str, typer.Argument(help="The memory to copy: its directory or URL.")],
    target: Annotated[
        str,
        typer.Argument(
            help="Where to: a directory or URL where nothing is, or where an unfinished copy is."
        ),
    ],
    *,
    as_json: options.AsJson = False,
) -> None:
    """Copy a whole memory into another ledger, and compare. Stopped, it goes on where it was."""
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace import migrate as migrated  # noqa: PLC0415

    with terminal.progressing() as told:
        report = migrated(source, target, progress=told)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(PROBLEMS)


def _print_report(report: MigrationReport) -> None:
    for failure in report.failures:
        terminal.note(failure)
    if not report.ok:
        terminal.note("the copy is not equal and cannot be opened; migrate again to begin anew")
        return
    terminal.print_parts({name: table.rows for name, table in report.tables.items()})
    known = f", {report.resumed:,} of them by an earlier run" if report.resumed else ""
    typer.echo(f"copied and compared {terminal.counted(report.rows, 'row')}{known}")
