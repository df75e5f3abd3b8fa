"""The commands `quota` and `rotate`."""

from __future__ import annotations

from typing import Annotated

import typer

from commonplace.cli import options, terminal
from commonplace.cli.opening import opened
from commonplace.rendering import plain


def rotate(
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    batch: Annotated[int, typer.Option(min=1, help="How many records at once.")] = 500,
    as_json: options.AsJson = False,
) -> None:
    """Encrypt everything with the active key of --keys; the others are needed no more."""
    with opened(memory) as target:
        report = target.rotate_keys(batch=batch).to_dict()
    if as_json:
        terminal.print_json(report)
    else:
        terminal.print_parts(report)


def quota(
    *,
    scope: Annotated[str | None, typer.Argument(help="The scope; none to show all quotas.")] = None,
    records: Annotated[
        int | None, typer.Option(min=0, help="How many records there may be at it and below it.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Let there be any number.")] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Show the quotas of scopes, or set or remove that of one."""
    if (records is not None or remove) and scope is None:
        raise typer.BadParameter("name the scope; '' is the whole memory")
    if records is not None and remove:
        raise typer.BadParameter("give --records or --remove, not both")
    with opened(memory) as target:
        if scope is not None and (remove or records is not None):
            target.set_quota(scope, records)
        found = [one for one in target.quotas() if scope is None or one.scope.path == scope]
    if as_json:
        terminal.print_json([one.to_dict() for one in found])
        return
    if not found:
        terminal.note("no quotas" if scope is None else "no quota there")
    for one in found:
        typer.echo(f"{one.used} of {one.records}  {plain(one.scope.path) or '(everything)'}")
