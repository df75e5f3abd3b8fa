"""The commands that remove without a trace and give back space: `erase`, `receipts`, `compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commonplace.cli import options, terminal
from commonplace.cli.care import PROBLEMS
from commonplace.cli.opening import opened
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace import Receipt


def erase(
    ids: Annotated[
        list[str] | None, typer.Argument(help="The ids of records, deleted ones too.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--everything", help="All that the memory holds.")
    ] = False,
    scan: Annotated[
        bool, typer.Option("--scan/--no-scan", help="Look for traces in every byte afterwards.")
    ] = True,
    yes: options.Yes = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Remove records, a scope or everything from every file for good. Asks first."""
    if not (ids or scope or everything):
        raise typer.BadParameter("say what: ids, --scope or --everything")
    with opened(memory) as target:
        if not yes:
            held = target.count(scope=scope, include_closed=True, include_archived=True)
            what = terminal.counted(len(ids) if ids else held)
            question = f"Erase {what} with their former states? There is no way back."
            typer.confirm(question, abort=True, err=True)
        receipt = target.erase(ids or None, scope=scope, everything=everything, scan=scan)
    if as_json:
        terminal.print_json(receipt.to_dict())
    else:
        _print_receipt(receipt)
    if not receipt.complete:
        raise typer.Exit(PROBLEMS)


def receipts(
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """List the receipts of everything that was erased, oldest first."""
    with opened(memory) as source:
        found = source.receipts()
    if as_json:
        terminal.print_json([receipt.to_dict() for receipt in found])
        return
    for receipt in found:
        _print_receipt(receipt)
    if not found:
        terminal.note("nothing was erased")


def compact(
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Give back the space that removed records took, and finish what an erasure left to do."""
    with opened(memory, index=True) as target:
        report = target.compact()
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        typer.echo(f"{report.before:,} bytes before, {report.after:,} now")
        if report.pending:
            typer.echo(f"in use by another process: {', '.join(report.pending)}; try again later")
    if report.pending:
        raise typer.Exit(PROBLEMS)


def _print_receipt(receipt: Receipt) -> None:
    scale = receipt.scale
    typer.echo(
        f"{receipt.at:%Y-%m-%d %H:%M:%S} {receipt.id} {receipt.target}: "
        f"{terminal.counted(scale.records)}, {scale.versions:,} former states, "
        f"{scale.vectors:,} vectors, {scale.links:,} links, {scale.journal:,} journal entries"
    )
    if receipt.scan is not None:
        scan = receipt.scan
        typer.echo(f"  {scan.patterns:,} pieces looked for in {scan.size:,} bytes")
        for name, traces in scan.traces.items():
            typer.echo(f"  {traces:,} found in {plain(name)}")
    if receipt.server:
        typer.echo("  out of reach: the server's files, log, replicas and backups")
    if receipt.pending:
        typer.echo(f"  not done yet: {', '.join(receipt.pending)}; run `commonplace compact`")
