"""The command that changes a memory's embedder: `reindex`."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from commonplace import EmbedderError, InvalidInputError
from commonplace.cli import options, terminal
from commonplace.cli.opening import opened

if TYPE_CHECKING:
    from commonplace import Memory, ReindexReport

_BUILT_IN = "builtin"


def reindex(
    *,
    embedder: Annotated[
        str,
        typer.Option(
            "--embedder",
            "-e",
            metavar="builtin|MODULE:NAME",
            help="The new embedder: the built-in one, or one of a module, or what makes one there.",
        ),
    ],
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Keep the old vectors in a space of their own.")
    ] = False,
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=100_000, help="So many records at once.")
    ] = 256,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be embedded.")
    ] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    as_json: options.AsJson = False,
) -> None:
    """Embed the memory anew with another embedder. Stopped, it goes on where it was."""
    with opened(memory, embedder=False) as target:
        chosen = _embedder(embedder)
        if dry_run:
            report = target.reindex(chosen, dry_run=True)
        else:
            report = _run(target, chosen, keep_old=keep_old, batch=batch)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        _print_report(report)


def _embedder(name: str) -> Any:
    """The embedder of this name.

    Raises:
        InvalidInputError: there is none.
        EmbedderError: it cannot be made.
    """
    if name == _BUILT_IN:
        # Here and not above: it takes longer to import than `commonplace --help` should take.
        from commonplace import StaticEmbedder  # noqa: PLC0415

        return StaticEmbedder()
    found = _named(name)
    if not (inspect.isclass(found) or inspect.isroutine(found)):
        return found
    try:
        return found()
    except Exception as error:
        raise EmbedderError(f"{name} failed to make an embedder: {_reason(error)}") from error


def _named(name: str) -> Any:
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise typer.BadParameter("it is builtin or MODULE:NAME", param_hint="--embedder")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` finds modules where one stands
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise InvalidInputError(f"{name} cannot be loaded: {_reason(error)}") from error
    finally:
        sys.path.pop(0)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _run(target: Memory, chosen: Any, *, keep_old: bool, batch: int) -> ReindexReport:
    out = terminal.console(stderr=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, disable=not out.is_terminal) as bar:
        task = bar.add_task("embedding", total=None)
        return target.reindex(
            chosen,
            keep_old=keep_old,
            batch=batch,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _print_report(report: ReindexReport) -> None:
    parts = {name: part for name, part in report.to_dict().items() if part is not None}
    terminal.print_parts(parts)
