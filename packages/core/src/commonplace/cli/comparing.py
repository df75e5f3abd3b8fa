"""The commands about two memories, or two scopes of one: `diff`, `merge` and `sync`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commonplace.cli import options, settings, terminal
from commonplace.cli.opening import opened

if TYPE_CHECKING:
    from collections.abc import Generator

    from commonplace import Memory

OtherPath = Annotated[
    str, typer.Argument(metavar="OTHER", help="The directory the other memory lives in.")
]
SourcePath = Annotated[
    str, typer.Argument(metavar="SOURCE", help="The directory of the memory to take from.")
]
OtherScope = Annotated[
    str | None,
    typer.Option(
        "--other-scope", metavar="SCOPE", help="The scope on the other side; --scope if not given."
    ),
]
OtherKeys = Annotated[
    Path | None,
    typer.Option(
        "--other-keys",
        metavar="FILE",
        help="The keys of the other memory, if it is encrypted; those of this one if left out.",
    ),
]


def diff(
    other: OtherPath,
    *,
    by: Annotated[
        options.Likeness | None,
        typer.Option(help="What makes two records the same; id between two memories."),
    ] = None,
    other_scope: OtherScope = None,
    other_keys: OtherKeys = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Say how another memory differs from this one: + only there, - only here, ~ in both."""
    with _both(memory, scope, other, other_scope, other_keys) as (here, there):
        found = here.diff(there, by=None if by is None else by.value)
    if as_json:
        terminal.print_json(found.to_dict())
    else:
        terminal.print_diff(found)


def merge(
    source: SourcePath,
    *,
    strategy: Annotated[
        options.Strategy, typer.Option(help="Whose state stays where both have a record.")
    ] = options.Strategy.NEWEST,
    dry_run: options.DryRun = False,
    other_scope: OtherScope = None,
    other_keys: OtherKeys = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring in what another memory has. Nothing is deleted."""
    with _both(memory, scope, source, other_scope, other_keys, create=True, dry_run=dry_run) as (
        target,
        there,
    ):
        report = target.merge(there, strategy=strategy.value, dry_run=dry_run)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        terminal.print_parts(report.to_dict())


def sync(
    source: SourcePath,
    *,
    dry_run: options.DryRun = False,
    other_scope: OtherScope = None,
    other_keys: OtherKeys = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Keep this memory a copy of another: what changed there since the last time, deletes too."""
    with _both(memory, scope, source, other_scope, other_keys, create=True, dry_run=dry_run) as (
        target,
        there,
    ):
        report = target.sync(there, dry_run=dry_run)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        terminal.print_parts(report.to_dict())


@contextlib.contextmanager
def _both(
    memory: str | None,
    scope: str | None,
    other: str,
    other_scope: str | None,
    other_keys: Path | None,
    *,
    create: bool = False,
    dry_run: bool = False,
) -> Generator[tuple[Memory, Memory]]:
    """This memory and the other one; this one is only made once the other one is there."""
    theirs = scope if other_scope is None else other_scope
    with (
        opened(
            other,
            scope=theirs,
            embedder=False,  # the one that the settings name is of this memory
            named="its path",
            encryption=settings.keys_for_reading(other_keys),
        ) as there,
        opened(
            settings.place_of_dry_run(memory) if dry_run else memory,
            scope=scope,
            create=create,
            encryption=None if create else settings.keys_for_reading(),
        ) as here,
    ):
        yield here, there
