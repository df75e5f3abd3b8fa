"""The commands about links: `link`, `unlink`, `links` and `related`."""

from __future__ import annotations

from typing import Annotated

import typer

from commonplace.cli import options, terminal
from commonplace.cli.jsoninput import metadata_option
from commonplace.cli.opening import opened

Source = Annotated[str, typer.Argument(help="The id of the record the link leads from.")]
Target = Annotated[str, typer.Argument(help="The id of the record it leads to.")]


def link(
    source: Source,
    target: Target,
    *,
    kind: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="A lower-case word, such as causes.")
    ] = "related",
    weight: Annotated[float, typer.Option(help="Above 0 and at most 1.")] = 1.0,
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="A JSON object.")] = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Link a record to another. A link of this type between the two is replaced."""
    parts = metadata_option(metadata)
    with opened(memory, scope=scope) as at:
        made = at.link(source, target, kind, weight=weight, reason=reason, metadata=parts)
    if as_json:
        terminal.print_json(made.to_dict())
    else:
        terminal.print_links([made])


def unlink(
    source: Source,
    target: Target,
    *,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only the link of this type.")
    ] = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Remove the links from a record to another. The records stay."""
    with opened(memory, scope=scope) as at:
        removed = at.unlink(source, target, kind)
    if as_json:
        terminal.print_json({"removed": removed})
    else:
        typer.echo(f"removed {terminal.counted(removed, 'link')}")


def links(
    record_id: options.RecordId,
    *,
    direction: Annotated[
        options.Direction, typer.Option(help="Links from it, to it, or both.")
    ] = options.Direction.BOTH,
    types: options.LinkTypes = None,
    limit: options.Limit = 100,
    offset: options.Offset = 0,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List the links of a record, strongest first."""
    with opened(memory, scope=scope) as source:
        found = source.links(
            record_id, direction=direction.value, type=types, limit=limit, offset=offset
        )
    if as_json:
        terminal.print_json([one.to_dict() for one in found])
    else:
        terminal.print_links(found)


def related(
    record_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The id of the record to begin with.")
    ] = None,
    *,
    query: Annotated[
        str | None, typer.Option(help="Begin with what a search finds, in place of the id.")
    ] = None,
    hops: Annotated[int, typer.Option(help="At most so many links in a row.")] = 2,
    types: options.LinkTypes = None,
    direction: Annotated[
        options.Direction, typer.Option(help="Follow links out, in, or both ways.")
    ] = options.Direction.BOTH,
    decay: Annotated[float, typer.Option(help="What a score keeps with every link.")] = 0.5,
    limit: options.Limit = 10,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Find the records that links lead to from a record or a query, best first."""
    if (record_id is None) == (query is None):
        raise typer.BadParameter("give an id, or --query", param_hint="ID")
    with opened(memory, scope=scope) as source:
        found = source.related(
            record_id,
            query=query,
            hops=hops,
            types=types or (),
            direction=direction.value,
            decay=decay,
            limit=limit,
        )
    if as_json:
        terminal.print_json([one.to_dict() for one in found])
        return
    terminal.print_related(found)
    if not found:
        terminal.note("nothing found")
