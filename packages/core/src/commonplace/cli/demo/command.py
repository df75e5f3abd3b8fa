"""The command itself: data in, acts played, figures out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from commonplace import InvalidInputError
from commonplace.cli import options, terminal
from commonplace.cli.demo import conversations


def demo(
    *,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Other conversations than those that come along."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A new directory to leave the memory in."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Remember real conversations, ask about them, and show what is recalled. Needs no network."""
    loaded = conversations.load(data or conversations.SHIPPED)
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="commonplace-demo-") as directory:
            figures = _perform(loaded, Path(directory) / "memory", as_json=as_json)
    else:
        figures = _perform(loaded, _new(keep), as_json=as_json)
        terminal.note(f"kept in {str(keep)!r}; try `commonplace scopes --depth 2 -m {keep}`")
    if not all(act.get("ok", True) for act in figures.values()):
        raise typer.Exit(1)


def _perform(loaded: conversations.Conversations, path: Path, *, as_json: bool) -> dict[str, Any]:
    # Here and not above: it imports the memory, which takes longer than `--help` should.
    from commonplace.cli.demo.program import perform  # noqa: PLC0415

    figures = perform(loaded, path, quiet=as_json)
    if as_json:
        terminal.print_json(figures)
    return figures


def _new(path: Path) -> Path:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InvalidInputError(f"{str(path)!r} is not empty; name a new directory to keep it in")
    return path
