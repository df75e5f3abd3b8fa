"""Exporting conversations: those of some scopes, as they are at one moment, into one file."""

from __future__ import annotations

import itertools
from typing import IO, TYPE_CHECKING

from commonplace.jsonvalue import dump_json
from commonplace.ledger import Window
from commonplace.moving.chatlines import CARRIED, chat_messages
from commonplace.moving.files import written_whole
from commonplace.moving.reports import ThreadExportReport
from commonplace.moving.threadlines import message_line, thread_line
from commonplace.threads.drafts import info_of, message_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from commonplace.ledger import Ledger, Selection, Snapshot, ThreadRow, Wanted
    from commonplace.message import Message, ThreadInfo
    from commonplace.middleware import Chain
    from commonplace.moving.reports import Progress

_AT_ONCE = 500


def write_threads(
    ledger: Ledger,
    chain: Chain,
    path: Path,
    selection: Selection,
    wanted: Wanted,
    *,
    openai: bool,
    progress: Progress | None,
) -> ThreadExportReport:
    """Write the threads of the selected scopes into a file, which is there whole or not at all.

    Args:
        ledger: where they are.
        chain: changes what is read.
        path: the file.
        selection: the scopes.
        wanted: which of their threads.
        openai: whether as OpenAI's chat format has them; else in our own, without loss.
        progress: told how many threads are written.
    """
    threads = messages = 0
    with ledger.read() as snapshot, written_whole(path) as file:
        total = snapshot.threads.count(selection, wanted)
        write = _write_chat if openai else _write_lines
        for row in _rows(snapshot, selection, wanted):
            info = info_of(row, snapshot.scope(row.scope_id))
            held = snapshot.threads.living(row.id, now=selection.now)
            if held or not openai:
                write(file, info, held, _messages(snapshot, chain, row.id, selection.now))
                threads, messages = threads + 1, messages + held
            if progress is not None:
                progress("exporting", threads, total)
    return ThreadExportReport(
        path=path,
        format="openai" if openai else "jsonl",
        threads=threads,
        messages=messages,
        size=path.stat().st_size,
    )


def _write_lines(file: IO[bytes], info: ThreadInfo, held: int, messages: Iterable[Message]) -> None:
    file.write(f"{thread_line(info, held)}\n".encode())
    for message in messages:
        file.write(f"{message_line(message)}\n".encode())


def _write_chat(file: IO[bytes], info: ThreadInfo, held: int, messages: Iterable[Message]) -> None:
    """A line of any length, a message at a time."""
    del held
    file.write(b'{"messages":')
    before = b"["
    for message in messages:
        for one in chat_messages(message):
            file.write(before + dump_json(one).encode())
            before = b","
    file.write(b"[]" if before == b"[" else b"]")
    for name in sorted(info.metadata.keys() & CARRIED):
        file.write(f",{dump_json({name: info.metadata[name]})[1:-1]}".encode())
    file.write(b"}\n")


def _rows(snapshot: Snapshot, selection: Selection, wanted: Wanted) -> Iterator[ThreadRow]:
    for offset in itertools.count(0, _AT_ONCE):
        rows = snapshot.threads.page(selection, wanted, limit=_AT_ONCE, offset=offset)
        yield from rows
        if len(rows) < _AT_ONCE:
            return


def _messages(snapshot: Snapshot, chain: Chain, thread_id: str, now: int) -> Iterator[Message]:
    after: int | None = None
    while True:
        window = Window(limit=_AT_ONCE, after=after, latest=False)
        found = snapshot.threads.messages(thread_id, window, now=now)
        for placed in found:
            yield message_of(chain.read(placed.record), placed.place)
        if len(found) < _AT_ONCE:
            return
        after = found[-1].place.position
