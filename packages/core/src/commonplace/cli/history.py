"""The commands about the past: `history`, `restore`, `archive`, `purge` and `roll-back`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from commonplace.cli import options, terminal
from commonplace.cli.jsoninput import filter_option
from commonplace.cli.opening import opened
from commonplace.cli.times import moment_option
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace import RollBack


def history(
    record_id: options.RecordId,
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """List every state of a record that is kept, oldest first."""
    with opened(memory, scope=scope) as source:
        found = source.history(record_id)
    if as_json:
        terminal.print_json([version.to_dict() for version in found])
        return
    terminal.print_versions(found)
    if not found:
        terminal.note("nothing found")


def restore(
    record_id: options.RecordId,
    *,
    version: Annotated[
        int | None,
        typer.Option(help="The version to go back to; without it, undo a delete or an archive."),
    ] = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring back a deleted or archived record, or a former version, as the newest version."""
    with opened(memory, scope=scope) as target:
        record = target.restore(record_id, version)
    if as_json:
        terminal.print_json(record.to_dict())
    else:
        terminal.print_records([record])


def archive(
    ids: Annotated[list[str], typer.Argument(help="The ids of records.")],
    *,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Put records aside, out of searches and lists, until they are restored."""
    with opened(memory, scope=scope) as target:
        archived = target.archive(ids)
    if as_json:
        terminal.print_json({"archived": archived})
    else:
        typer.echo(f"archived {terminal.counted(archived)}")


def purge(
    ids: Annotated[
        list[str] | None, typer.Argument(help="The ids of records, deleted ones too.")
    ] = None,
    *,
    before: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Only states that ended before, such as 2025-01-31T00:00Z."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="The former states of the whole memory.")
    ] = False,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Forget former states for good, of records, of a scope, or of old times. Asks first."""
    if not (ids or scope or before or everything):
        raise typer.BadParameter("say what: ids, --scope, --before or --everything")
    moment = moment_option(before, "--before")
    named = ids or None
    with opened(memory, scope=scope) as target:
        states = target.purge(named, before=moment, everything=True, dry_run=True)
        if not dry_run:
            if states and not yes:
                shown = terminal.counted(states, "former state")
                typer.confirm(f"Forget {shown} for good?", abort=True, err=True)
            states = target.purge(named, before=moment, everything=True)
    if as_json:
        terminal.print_json({"dry_run": dry_run, "states": states})
    else:
        did = "would forget" if dry_run else "forgot"
        typer.echo(f"{did} {terminal.counted(states, 'former state')}")


def roll_back(
    *,
    app: Annotated[str | None, typer.Option(help="What this program wrote.")] = None,
    agent: Annotated[str | None, typer.Option(help="What this agent wrote.")] = None,
    user: Annotated[str | None, typer.Option(help="What was written for this person.")] = None,
    thread: Annotated[str | None, typer.Option(help="What came from this conversation.")] = None,
    uri: Annotated[str | None, typer.Option(help="What came from this page, mail or file.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what was written since, as 2025-01-31T00:00Z."),
    ] = None,
    filter_json: options.FilterJson = None,
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Undo what a source wrote, or all that was written since a time. Asks first.

    What it made is deleted, what it changed is as it was before. The history keeps all of it.
    """
    named = {"app": app, "agent": agent, "user": user, "thread": thread, "uri": uri}
    source = {name: part for name, part in named.items() if part is not None}
    wanted = {
        "source": source or None,
        "since": moment_option(since, "--since"),
        "filter": filter_option(filter_json),
    }
    if not any(wanted.values()):
        raise typer.BadParameter("say what: --app, --agent, --user, --thread, --uri or --since")
    with opened(memory, scope=scope) as target:
        report = target.roll_back(**wanted, dry_run=True)  # pyright: ignore[reportArgumentType] - named above
        if not dry_run:
            changed = len(report.deleted) + len(report.restored)
            if changed and not yes:
                typer.confirm(f"Undo {_told(report)}?", abort=True, err=True)
            report = target.roll_back(**wanted)  # pyright: ignore[reportArgumentType] - named above
    if as_json:
        terminal.print_json(report.to_dict())
        return
    typer.echo(f"{'would undo' if dry_run else 'undid'}: {_told(report)}")
    for what, ids in {
        "written again by others, look at": report.kept,
        "made of what was deleted, look at": report.derived,
        "could not be brought back": report.blocked,
        "deleted, earlier states were not kept": report.lost,
    }.items():
        for name in ids:
            typer.echo(f"{what}: {plain(name)}")


def _told(report: RollBack) -> str:
    deleted = terminal.counted(len(report.deleted))
    return f"delete {deleted}, restore {terminal.counted(len(report.restored))}"
