"""The command that tells what happened: `events`."""

from __future__ import annotations

import contextlib
import json
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated

import typer

from commonplace.cli import options, terminal
from commonplace.cli.opening import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace import Event, Memory

_PAGE = 1000


def events(
    *,
    after: Annotated[
        int, typer.Option(min=0, help="Only events with a larger number than this.")
    ] = 0,
    operations: Annotated[
        list[str] | None,
        typer.Option(
            "--operation", metavar="WORD", help="Only this, such as delete; may be repeated."
        ),
    ] = None,
    limit: options.Limit = 1000,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="All of them, then those to come, until interrupted; no --limit."
        ),
    ] = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Tell what happened to records, oldest first; never their text."""
    wanted = operations or "*"
    with opened(memory, scope=scope) as source:
        if follow:
            show = _print_line if as_json else terminal.print_event
            with contextlib.suppress(KeyboardInterrupt):
                for event in _followed(source, wanted, after):
                    show(event)
            return
        found = source.events(after=after, operations=wanted, limit=limit)
    if as_json:
        terminal.print_json([event.to_dict() for event in found])
        return
    for event in found:
        terminal.print_event(event)


def _followed(source: Memory, operations: list[str] | str, after: int) -> Iterator[Event]:
    """The events there are, page by page, then those to come."""
    while page := source.events(after=after, operations=operations, limit=_PAGE):
        yield from page
        after = page[-1].seq
    arrived: SimpleQueue[Event] = SimpleQueue()
    with source.on(operations, arrived.put, after=after):
        while True:
            yield arrived.get()


def _print_line(event: Event) -> None:
    """The event as JSON on one line, so that a program can read it while more come."""
    typer.echo(json.dumps(event.to_dict(), ensure_ascii=True))
