"""The commands about conversations: `threads ...` and `timeline`."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from commonplace import NotFoundError
from commonplace.cli import options, settings, terminal
from commonplace.cli.jsoninput import filter_option
from commonplace.cli.opening import opened
from commonplace.cli.times import moment_option, span_option
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace import Memory, ThreadImportReport, ThreadInfo, ThreadStats, Timeline

app = typer.Typer(no_args_is_help=True, help="Conversations: list, read, count and move them.")

_UNITS = {"day": timedelta(days=1), "hour": timedelta(hours=1), "minute": timedelta(minutes=1)}
_Name = Annotated[str, typer.Argument(metavar="THREAD", help="Its key at --scope, or its id.")]
_Names = Annotated[
    list[str] | None, typer.Argument(metavar="THREAD", help="Keys at --scope, or ids.")
]
_Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only with activity since, such as 2025-01-31T00:00Z."),
]
_Active = Annotated[
    bool | None, typer.Option("--active/--ended", help="Only those that take messages, or ended.")
]


@app.command("list")
def list_threads(
    *,
    filter_json: options.FilterJson = None,
    since: _Since = None,
    active: _Active = None,
    limit: options.Limit = 100,
    offset: options.Offset = 0,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List conversations, the one with the newest activity first."""
    condition, moment = filter_option(filter_json), moment_option(since, "--since")
    with opened(memory, scope=scope) as source:
        found = source.threads.list(
            filter=condition, since=moment, active=active, limit=limit, offset=offset
        )
    if as_json:
        terminal.print_json([info.to_dict() for info in found])
    else:
        terminal.print_threads(found)


@app.command()
def show(
    name: _Name,
    *,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=0, help="Only so many, the latest.")
    ] = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a conversation, oldest message first."""
    with opened(memory, scope=scope) as source:
        info = _present(source, name)
        messages = source.thread(info.id).messages(limit=limit)
    if as_json:
        told = [message.to_dict() for message in messages]
        terminal.print_json({"thread": info.to_dict(), "messages": told})
    else:
        terminal.print_messages(messages)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    *,
    threads: Annotated[
        list[str] | None,
        typer.Option("--thread", metavar="THREAD", help="Only in this one; may be repeated."),
    ] = None,
    mode: Annotated[
        options.SearchMode, typer.Option(help="Rank by meaning and words, or by one of them.")
    ] = options.SearchMode.HYBRID,
    limit: options.Limit = 10,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Find messages in conversations, best first."""
    with opened(memory, scope=scope) as source:
        hits = source.search(
            query, kinds=["message"], threads=threads, mode=mode.value, limit=limit
        )
    if as_json:
        terminal.print_json({"query": query, "hits": [hit.to_dict() for hit in hits]})
        return
    terminal.print_hits(hits)
    if not hits:
        terminal.note("nothing found")


@app.command()
def stats(
    name: Annotated[
        str | None, typer.Argument(metavar="THREAD", help="Its key or id; all without.")
    ] = None,
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Count messages by role and by day, of one conversation or of all."""
    with opened(memory, scope=scope) as source:
        found = _stats(source, name)
    if as_json:
        terminal.print_json(found.to_dict())
    else:
        terminal.print_parts(found.to_dict())


@app.command()
def export(
    path: Annotated[
        Path, typer.Argument(help="The file to write; compressed if its name ends in .gz.")
    ],
    *,
    format_: Annotated[
        options.ThreadFormat, typer.Option("--format", help="Ours, without loss, or OpenAI's.")
    ] = options.ThreadFormat.JSONL,
    filter_json: options.FilterJson = None,
    since: _Since = None,
    active: _Active = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Write whole conversations into a file."""
    condition, moment = filter_option(filter_json), moment_option(since, "--since")
    with opened(memory, scope=scope) as source, terminal.progressing() as told:
        report = source.threads.export(
            path,
            format=format_.value,
            filter=condition,
            since=moment,
            active=active,
            progress=told,
        )
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        typer.echo(
            f"exported {terminal.counted(report.threads, 'conversation')} with "
            f"{terminal.counted(report.messages, 'message')} in {report.size:,} bytes"
        )


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A file of conversations.")],
    *,
    format_: Annotated[
        options.ThreadSource, typer.Option("--format", help="By how it begins, if not given.")
    ] = options.ThreadSource.AUTO,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing if one conversation is refused.")
    ] = False,
    embed: Annotated[
        bool, typer.Option("--embed/--no-embed", help="Let searches find the messages.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check, and say what would happen.")
    ] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Read conversations from a file; those that are there already stay as they are."""
    where = settings.place_of_dry_run(memory) if dry_run else memory
    with opened(where, scope=scope, create=True) as target, terminal.progressing() as told:
        report = target.threads.import_(
            path,
            format=format_.value,
            strict=strict,
            embed=embed,
            dry_run=dry_run,
            progress=told,
        )
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        _print_report(report)
    if report.refused:
        raise typer.Exit(1)


@app.command()
def summarize(
    name: _Name,
    *,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="How long the summary may be; 400 if not given.")
    ] = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Sum up what no summary covers yet, without a model, and keep the summary."""
    with opened(memory, scope=scope) as target:
        record = target.thread(_present(target, name).id).summarize(tokens=tokens)
    if as_json:
        terminal.print_json(None if record is None else record.to_dict())
    elif record is None:
        terminal.note("nothing to sum up")
    else:
        typer.echo(plain(record.content))


@app.command()
def delete(
    names: _Names = None,
    *,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="Those idle for longer, such as 90d; at --scope."),
    ] = None,
    yes: options.Yes = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Remove conversations with their messages and summaries. Asks first."""
    span = span_option(older_than, "--older-than")
    if (not names) == (span is None):
        raise typer.BadParameter("say which: conversations, or --older-than")
    with opened(memory, scope=scope) as target:
        chosen: list[str] = []
        if span is None:
            chosen = [_present(target, name).id for name in names or ()]
            what = terminal.counted(len(set(chosen)), "conversation")
        else:
            what = f"every conversation that was idle for {older_than}"
        if not yes:
            typer.confirm(f"Delete {what}?", abort=True, err=True)
        if span is None:
            deleted = target.threads.delete(list(dict.fromkeys(chosen)))
        else:
            deleted = target.threads.delete(older_than=datetime.now(UTC) - span)
    if as_json:
        terminal.print_json({"deleted": deleted})
    else:
        typer.echo(f"deleted {terminal.counted(deleted, 'conversation')}")


def timeline(
    *,
    bucket: Annotated[options.Bucket, typer.Option(help="How long its parts are.")] = (
        options.Bucket.DAY
    ),
    filter_json: options.FilterJson = None,
    kinds: options.Kinds = None,
    tags: options.Tags = None,
    include_closed: options.IncludeClosed = False,
    include_archived: options.IncludeArchived = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Show when records were made: how many in each hour, day, week or month."""
    condition = filter_option(filter_json)
    with opened(memory, scope=scope) as source:
        found = source.timeline(
            bucket=bucket.value,
            filter=condition,
            kinds=kinds or [],
            tags=tags or [],
            include_closed=include_closed,
            include_archived=include_archived,
        )
    if as_json:
        terminal.print_json(found.to_dict())
    else:
        _print_timeline(found)


def _span(found: timedelta) -> str:
    """A time in words, in the largest unit that it fills; what is begun counts whole."""
    for what, unit in _UNITS.items():
        if found >= unit:
            return terminal.counted(math.ceil(found / unit), what)
    return "a minute"


def _present(source: Memory, name: str) -> ThreadInfo:
    info = source.threads.get(name)
    if info is None:
        raise NotFoundError(
            f"there is no conversation {name!r} here; `commonplace threads list` shows some, "
            "and a key needs its --scope"
        )
    return info


def _stats(source: Memory, name: str | None) -> ThreadStats:
    if name is None:
        return source.threads.stats()
    return source.thread(_present(source, name).id).stats()


def _print_report(report: ThreadImportReport) -> None:
    verb = "would import" if report.dry_run else "imported"
    parts = {
        "extended": report.extended,
        "unchanged": report.unchanged,
        "expired": report.skipped,
        "messages": report.messages.added,
        "messages left as they are": report.messages.skipped,
        "refused": len(report.refused),
    }
    rest = "".join(f", {count:,} {name}" for name, count in parts.items() if count)
    typer.echo(f"{verb} {terminal.counted(report.added, 'conversation')}{rest}")
    terminal.print_refusals(report.refused)


def _print_timeline(found: Timeline) -> None:
    for part in found.parts:
        typer.echo(f"{terminal.moment(part.start)}  {part.records:>9,}")
    if found.busiest is None:
        terminal.note("nothing found")
        return
    typer.echo(
        f"{terminal.counted(found.records)} within {_span(found.span)}; the busiest "
        f"{found.bucket} was that of {terminal.moment(found.busiest.start)}"
    )
