"""The commands that write: `add` and `delete`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commonplace import CommonplaceError, ImportReport, InvalidInputError
from commonplace.cli import options, terminal
from commonplace.cli.jsoninput import filter_option, metadata_option
from commonplace.cli.opening import opened
from commonplace.rendering import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from commonplace import Memory


def add(
    text: Annotated[
        str | None, typer.Argument(help="What to remember; - reads it from standard input.")
    ] = None,
    *,
    file: options.RecordsFile = None,
    id_: Annotated[str | None, typer.Option("--id", help="Its id; a new one if not given.")] = None,
    kind: Annotated[str | None, typer.Option(help="Its kind; fact if not given.")] = None,
    key: Annotated[str | None, typer.Option(help="A name of its own within the scope.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="A JSON object.")] = None,
    importance: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    ttl: Annotated[float | None, typer.Option(help="Seconds until it expires.")] = None,
    if_exists: Annotated[
        options.IfExists, typer.Option(help="When its id, or key in this scope, is taken.")
    ] = options.IfExists.REPLACE,
    dedupe: Annotated[
        bool, typer.Option("--dedupe", help="Keep the record of the same text, if there is one.")
    ] = False,
    on_duplicate: Annotated[
        options.OnDuplicate, typer.Option(help="When a record of its scope and kind says the same.")
    ] = options.OnDuplicate.KEEP,
    similar_at: Annotated[
        float | None,
        typer.Option(
            min=0.5, max=1, help="The cosine from which two say the same; equal texts if not given."
        ),
    ] = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Remember a text, or every line of a JSONL file. The memory is made if it is new."""
    if (text is None) == (file is None):
        raise typer.BadParameter("give a text, - for standard input, or --file", param_hint="TEXT")
    if id_ is not None and file is not None:
        raise typer.BadParameter("every line of a file has an id of its own", param_hint="--id")
    fields = _given(
        id=id_,
        kind=kind,
        key=key,
        tags=tag,
        metadata=metadata_option(metadata) or None,
        importance=importance,
        ttl=ttl,
    )
    if dedupe and on_duplicate is not options.OnDuplicate.KEEP:
        raise typer.BadParameter("give --dedupe or --on-duplicate, not both")
    how: dict[str, Any] = {
        "if_exists": if_exists.value,
        "dedupe": dedupe,
        "on_duplicate": on_duplicate.value,
        "similar_at": similar_at,
    }
    with opened(memory, scope=scope, create=True) as target:
        if file is not None:
            _add_file(target, file, fields, how, as_json=as_json)
            return
        content = _standard_input() if text == "-" else text or ""
        record = target.add(content, **how, **fields)
    if as_json:
        terminal.print_json(record.to_dict())
    else:
        typer.echo(plain(record.id))


def delete(
    ids: Annotated[list[str] | None, typer.Argument(help="The ids of records.")] = None,
    *,
    filter_json: options.FilterJson = None,
    kinds: options.Kinds = None,
    tags: options.Tags = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All records of the memory, or of --scope.")
    ] = False,
    yes: options.Yes = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Delete records by id, or all that match. Asks first. Their history stays until `purge`."""
    condition = filter_option(filter_json)
    matching: dict[str, Any] = {"filter": condition, "kinds": kinds or [], "tags": tags or []}
    if not (ids or condition or kinds or tags or everything):
        raise typer.BadParameter("say what: ids, --filter, --kind, --tag or --everything")
    with opened(memory, scope=scope) as target:
        if not yes:
            known = sum(record is not None for record in target.get_many(ids or []))
            _ask(known if ids else target.count(**matching))
        deleted = target.delete(ids or None, everything=everything, **matching)
    if as_json:
        terminal.print_json({"deleted": deleted})
    else:
        typer.echo(f"deleted {terminal.counted(deleted)}")


def _given(**fields: Any) -> Any:
    return {name: part for name, part in fields.items() if part is not None}


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidInputError("standard input is not UTF-8; convert it first") from error


def _add_file(
    memory: Memory,
    file: Path,
    fields: dict[str, Any],
    how: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace.moving.files import opened as opened_file  # noqa: PLC0415
    from commonplace.moving.plain import json_lines, store  # noqa: PLC0415

    report = ImportReport()

    def put(lines: Sequence[dict[str, Any]]) -> None:
        memory.add_many([{**fields, **line} for line in lines], **how)

    with opened_file(file) as source, terminal.progressing() as told:
        try:
            store(
                json_lines(source, None),
                put,
                report,
                advance=lambda: told("remembering", source.position, source.size),
            )
        except CommonplaceError:
            terminal.note(
                f"stopped; {terminal.counted(report.records.added)} of earlier lines are stored"
            )
            raise
    _report(report, as_json=as_json)


def _report(report: ImportReport, *, as_json: bool) -> None:
    added, refused = report.records.added, report.refused
    if as_json:
        lines = [{"line": bad.line, "reason": bad.reason} for bad in refused]
        terminal.print_json({"added": added, "refused": lines})
    else:
        typer.echo(f"added {terminal.counted(added)}, refused {len(refused):,}")
        terminal.print_refusals(refused)
    if refused:
        raise typer.Exit(1)


def _ask(count: int) -> None:
    if count:
        typer.confirm(f"Delete {terminal.counted(count)}?", abort=True, err=True)
