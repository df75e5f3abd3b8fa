"""The commands that move data: `export` and `import`."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from commonplace.cli import options, settings, terminal
from commonplace.cli.opening import opened

if TYPE_CHECKING:
    from commonplace import ImportReport


def export(
    path: Annotated[
        Path, typer.Argument(help="The file to write; compressed if its name ends in .gz.")
    ],
    *,
    history: Annotated[
        bool, typer.Option("--history/--no-history", help="With the former states of records.")
    ] = True,
    vectors: Annotated[
        bool, typer.Option("--vectors/--no-vectors", help="With the vectors of records.")
    ] = True,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a memory, or a scope of it, into one file without loss."""
    with opened(memory, scope=scope) as source, terminal.progressing() as told:
        report = source.export(path, history=history, vectors=vectors, progress=told)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        typer.echo(
            f"exported {terminal.counted(report.records)}, {report.versions:,} former states and "
            f"{report.links:,} links in {report.size:,} bytes"
        )


def import_(
    path: Annotated[
        Path,
        typer.Argument(help="An export, a plain JSONL or CSV file, or with --from a directory."),
    ],
    *,
    from_: Annotated[
        options.OtherMemory | None,
        typer.Option("--from", help="Read the directory of another memory; nothing in it changes."),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=NAME",
            help="A field of ours and its name in a plain file, such as content=text or "
            "metadata.author=who; may be repeated.",
        ),
    ] = None,
    format_: Annotated[
        options.PlainFormat | None,
        typer.Option("--format", help="The format of a plain file; by its name if not given."),
    ] = None,
    on_conflict: Annotated[
        options.OnConflict,
        typer.Option(help="When an id of an export is taken by something different."),
    ] = options.OnConflict.ERROR,
    on_error: Annotated[
        options.OnError, typer.Option(help="When a line of a plain file is refused.")
    ] = options.OnError.REPORT,
    dedupe: Annotated[
        bool,
        typer.Option("--dedupe", help="Keep records of the same text; for plain files."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check, and say what would happen.")
    ] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Read an export, or plain JSONL or CSV, into a memory, which is made if it is new."""
    names = _mapping(mapping or [])
    if from_ is not None:
        _import_other(from_.value, path, memory, scope, dry_run=dry_run, as_json=as_json)
        return
    is_export = not names and format_ is None and _is_export(path)
    where = settings.place_of_dry_run(memory) if dry_run else memory
    with opened(where, scope=scope, create=True) as target, terminal.progressing() as told:
        if is_export:
            report = target.import_(
                path, on_conflict=on_conflict.value, dry_run=dry_run, progress=told
            )
        else:
            report = target.import_records(
                path,
                mapping=names or None,
                format=None if format_ is None else format_.value,
                on_error=on_error.value,
                dedupe=dedupe,
                dry_run=dry_run,
                progress=told,
            )
    _print_report(report, as_json=as_json)
    if report.refused:
        raise typer.Exit(1)


def _import_other(
    kind: str, path: Path, memory: str | None, scope: str | None, *, dry_run: bool, as_json: bool
) -> None:
    from commonplace.importers import as_lines  # noqa: PLC0415 - as in `_is_export`

    where = settings.place_of_dry_run(memory) if dry_run else memory
    with (
        as_lines(kind, path, scope=scope) as lines,
        opened(where, scope=scope, create=True) as target,
        terminal.progressing() as told,
    ):
        report = target.import_records(lines, if_exists="keep", dry_run=dry_run, progress=told)
    _print_report(report, as_json=as_json)
    if report.refused:
        raise typer.Exit(1)


def _mapping(given: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    if not all(ours and equals and theirs for ours, equals, theirs in pairs):
        raise typer.BadParameter("write it like content=text", param_hint="--map")
    return {ours: theirs for ours, _, theirs in pairs}


def _is_export(path: Path) -> bool:
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace.moving.files import opened as opened_file  # noqa: PLC0415
    from commonplace.moving.manifest import says_export  # noqa: PLC0415

    with opened_file(path, twice=True) as source:
        return says_export(next(source.lines(), b""))


def _print_report(report: ImportReport, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(report.to_dict())
        return
    verb = "would import" if report.dry_run else "imported"
    typer.echo(f"{verb} {terminal.counted(report.records.added)}{_rest(report)}")
    terminal.print_refusals(report.refused)


def _rest(report: ImportReport) -> str:
    """What else there is to say, each part after a comma."""
    records = report.records
    parts = {
        "replaced": records.replaced,
        "unchanged": records.unchanged,
        "skipped": records.skipped,
        "former states": report.versions.added + report.versions.replaced,
        "links": report.links.added + report.links.replaced,
        "embedded anew": report.embedded,
        "lines refused": len(report.refused),
    }
    return "".join(f", {count:,} {name}" for name, count in parts.items() if count)
