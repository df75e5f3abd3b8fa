"""The commands that read: `search`, `list`, `show` and `scopes`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from commonplace import NotFoundError
from commonplace.cli import options, terminal
from commonplace.cli.jsoninput import filter_option
from commonplace.cli.opening import opened, started_index
from commonplace.cli.times import moment_option
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace import Hits


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    *,
    filter_json: options.FilterJson = None,
    kinds: options.Kinds = None,
    tags: options.Tags = None,
    mode: Annotated[
        options.SearchMode, typer.Option(help="Rank by meaning and words, or by one of them.")
    ] = options.SearchMode.HYBRID,
    min_score: Annotated[float | None, typer.Option(help="Only hits with this score.")] = None,
    min_relevance: options.MinRelevance = 0.0,
    now: options.Now = None,
    include_closed: options.IncludeClosed = False,
    include_archived: options.IncludeArchived = False,
    valid_at: options.ValidAt = None,
    as_of: options.AsOf = None,
    limit: options.Limit = 10,
    offset: options.Offset = 0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say how the candidates were found.")
    ] = False,
    index: options.IndexPlace = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Find the records nearest to a query in meaning and words, best first."""
    condition = filter_option(filter_json)
    then, at = moment_option(valid_at, "--valid-at"), moment_option(as_of, "--as-of")
    asked = moment_option(now, "--now")
    with_index = explain or index is not None
    with opened(memory, scope=scope, index=with_index, index_at=index) as source:

        def find() -> Hits:
            return source.search(
                query,
                filter=condition,
                kinds=kinds or [],
                tags=tags or [],
                include_closed=include_closed,
                include_archived=include_archived,
                valid_at=then,
                as_of=at,
                mode=mode.value,
                min_score=min_score,
                min_relevance=min_relevance,
                now=asked,
                limit=limit,
                offset=offset,
                explain=explain,
            )

        hits = find()
        if with_index and started_index(source):
            hits = find()
    if as_json:
        _print_hits_json(query, hits)
        return
    terminal.print_hits(hits)
    if not hits:
        terminal.note("nothing found")
    if hits.plan is not None:
        terminal.print_parts(asdict(hits.plan))


def list_records(
    *,
    filter_json: options.FilterJson = None,
    kinds: options.Kinds = None,
    tags: options.Tags = None,
    order_by: Annotated[
        list[str] | None,
        typer.Option(help="A field to order by, - in front for descending; may be repeated."),
    ] = None,
    include_closed: options.IncludeClosed = False,
    include_archived: options.IncludeArchived = False,
    valid_at: options.ValidAt = None,
    as_of: options.AsOf = None,
    limit: options.Limit = 100,
    offset: options.Offset = 0,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List records, newest first unless told otherwise."""
    condition = filter_option(filter_json)
    then, at = moment_option(valid_at, "--valid-at"), moment_option(as_of, "--as-of")
    with opened(memory, scope=scope) as source:
        records = source.list(
            filter=condition,
            kinds=kinds or [],
            tags=tags or [],
            include_closed=include_closed,
            include_archived=include_archived,
            valid_at=then,
            as_of=at,
            order_by=order_by or "-created_at",
            limit=limit,
            offset=offset,
        )
    if as_json:
        terminal.print_json([record.to_dict() for record in records])
    else:
        terminal.print_records(records)


def show(
    record_id: Annotated[str | None, typer.Argument(metavar="ID", help="The record's id.")] = None,
    *,
    key: Annotated[str | None, typer.Option(help="Its key at --scope, in place of the id.")] = None,
    as_of: options.AsOf = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Show one record, whole."""
    if (record_id is None) == (key is None):
        raise typer.BadParameter("give an id, or --key", param_hint="ID")
    moment = moment_option(as_of, "--as-of")
    with opened(memory, scope=scope) as source:
        record = source.get(record_id, key=key, as_of=moment)
    if record is None:
        name = f"id {record_id!r}" if key is None else f"key {key!r}"
        raise NotFoundError(f"there is no record with {name} here; `commonplace list` shows some")
    if as_json:
        terminal.print_json(record.to_dict())
    else:
        terminal.print_record(record)


def scopes(
    *,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Count what lies deeper at this depth.")
    ] = None,
    limit: options.Limit = 1000,
    offset: options.Offset = 0,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List the scopes that hold records, each with its count."""
    with opened(memory, scope=scope) as source:
        found = source.scopes(depth=depth, limit=limit, offset=offset)
    if as_json:
        terminal.print_json([{"scope": at.scope.path, "records": at.records} for at in found])
        return
    for at in found:
        typer.echo(f"{at.records:>9,}  {plain(at.scope.path) or '(root)'}")


def _print_hits_json(query: str, hits: Hits) -> None:
    terminal.print_json(
        {
            "query": query,
            "hits": [hit.to_dict() for hit in hits],
            "plan": None if hits.plan is None else asdict(hits.plan),
        }
    )
