"""Moving conversations: `threads.export`, `threads.import_`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from commonplace.arguments import checked_choice, checked_flag, checked_function
from commonplace.errors import ConflictError
from commonplace.moving.chats import read_chats
from commonplace.moving.conversations import FORMATS, format_of
from commonplace.moving.files import opened
from commonplace.moving.longmemeval import read_haystacks
from commonplace.moving.threadlines import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonplace.moving.conversations import Read, ThreadFormat
    from commonplace.moving.files import Source
    from commonplace.moving.reports import Progress, ThreadImportReport
    from commonplace.scope import Scope
    from commonplace.store import Store
    from commonplace.threadloading import Placing

_TOLD_EVERY = 32


def import_threads(
    store: Store,
    path: Path,
    place: Placing,
    *,
    format: str,  # noqa: A002 - the field's name everywhere
    strict: bool,
    dry_run: bool,
    progress: Progress | None,
) -> ThreadImportReport:
    """Write the conversations of a file; see `Threads.import_`."""
    checked_choice(format, (*FORMATS, "auto"), "format")
    checked_flag(strict, "strict")
    checked_flag(dry_run, "dry_run")
    checked_function(progress, "progress")
    with opened(path, twice=True) as source:
        chosen = format_of(source) if format == "auto" else cast("ThreadFormat", format)
        state = source.state()

        def read(step: str) -> Read:
            return _told(_read(source, chosen, place.home), source, step, progress)

        loader = store.thread_loader
        checked = loader.check(read("checking"), place, strict=strict)
        found = checked.all if dry_run else checked.left
        report = replace(found, format=chosen, refused=checked.refused, dry_run=dry_run)
        if dry_run:
            return report
        if source.state() != state:
            raise ConflictError(f"{path} changed while it was read; import it again")
        loader.load(read("importing"), place, report, checked.done)
    return report


def _read(source: Source, chosen: ThreadFormat, home: Scope) -> Read:
    if chosen == "jsonl":
        return read_lines(source)
    return read_chats(source) if chosen == "openai" else read_haystacks(source, home)


def _told(read: Read, source: Source, step: str, progress: Progress | None) -> Iterator[Any]:
    """What is read, with a word about it now and then, and one at the end."""
    for number, one in enumerate(read):
        if progress is not None and number % _TOLD_EVERY == 0:
            progress(step, source.position, source.size)
        yield one
    if progress is not None:
        progress(step, source.size, source.size)
