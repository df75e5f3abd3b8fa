"""`Threads`: the conversations of a memory, taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from commonplace.arguments import (
    checked_choice,
    checked_flag,
    checked_function,
    checked_iterable,
    checked_limit,
    checked_offset,
)
from commonplace.clock import to_micros
from commonplace.errors import InvalidInputError
from commonplace.filters import parse_filter, roots
from commonplace.ledger import Wanted
from commonplace.moving.files import checked_path
from commonplace.telemetry import traced
from commonplace.threadloading import Placing
from commonplace.verbs.threadmoving import import_threads

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from commonplace.analytics import ThreadStats
    from commonplace.ledger import Selection
    from commonplace.message import ThreadInfo
    from commonplace.moving.reports import Progress, ThreadExportReport, ThreadImportReport
    from commonplace.scope import ScopeLike
    from commonplace.verbs.conversing import Conversing
    from commonplace.verbs.handle import FilterLike
    from commonplace.verbs.thread import ThreadChanges


class Threads:
    """The conversations that a memory, or a view of it, sees. `Memory.threads` gives it."""

    def __init__(self, memory: Conversing) -> None:
        self._memory = memory
        self._conversations = memory._store.conversations  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house

    def get(self, name: str, *, scope: ScopeLike | None = None) -> ThreadInfo | None:
        """What is known of the thread with this key at the scope, or else with this id."""
        return self._memory.thread(name, scope=scope).info()

    def get_or_create(
        self,
        key: str,
        *,
        scope: ScopeLike | None = None,
        **settings: Unpack[ThreadChanges],
    ) -> ThreadInfo:
        """The thread with this key, made with these settings if it is new; see `Thread.create`."""
        return self._memory.thread(key, scope=scope).create(**settings)

    def list(
        self,
        *,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        since: datetime | None = None,
        active: bool | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> builtins.list[ThreadInfo]:
        """The threads that match, the one with the newest activity first, page by page.

        Args:
            scope: only at this scope and, if `recursive`, below it.
            recursive: whether threads below the scope count.
            filter: on their metadata, as for records; fields of records (`@...`) are refused.
            since: only those with activity at this moment or later.
            active: True for those that take messages, False for those that ended.
            limit: at most so many.
            offset: after so many.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        selection = self._within(scope, recursive)
        return self._conversations.page(
            selection,
            _wanted(filter, since, active),
            limit=checked_limit(limit),
            offset=checked_offset(offset),
        )

    def count(
        self,
        *,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        since: datetime | None = None,
        active: bool | None = None,
    ) -> int:
        """How many threads match; the arguments are those of `list`."""
        selection = self._within(scope, recursive)
        return self._conversations.count(selection, _wanted(filter, since, active))

    def stats(self, *, scope: ScopeLike | None = None, recursive: bool = True) -> ThreadStats:
        """How many threads and messages there are, by role and by day, and what they take.

        Args:
            scope: only threads at this scope and, if `recursive`, below it.
            recursive: whether threads below the scope count.

        Raises:
            OutsideViewError: the scope lies outside this view.
        """
        selection = self._within(scope, recursive)
        return self._conversations.stats(selection)

    def delete(
        self,
        names: str | Iterable[str] | None = None,
        *,
        scope: ScopeLike | None = None,
        older_than: datetime | None = None,
    ) -> int:
        """Remove threads with their messages and summaries, by name or by their last activity.

        Args:
            names: their keys at the scope, or their ids; an empty list matches nothing.
            scope: where keys are looked up; or, with `older_than`, only threads at it and below.
            older_than: those with no activity since this moment.

        Returns:
            How many there were.

        Raises:
            InvalidInputError: neither or both of names and older_than were given.
            OutsideViewError: the scope lies outside what this view writes.
        """
        if (names is None) == (older_than is None):
            raise InvalidInputError("say which threads to delete: names, or older_than=")
        if older_than is None:
            given = (
                [names]
                if isinstance(names, str)
                else checked_iterable(() if names is None else names, "names")
            )
            return sum(self._memory.thread(name, scope=scope).delete() for name in given)
        target = self._memory._view.writable(scope)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
        selection = self._memory._selection([target])  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above
        return self._conversations.delete_idle(selection, to_micros(older_than, "older_than"))

    def export(
        self,
        path: str | Path,
        *,
        format: Literal["jsonl", "openai"] = "jsonl",  # noqa: A002 - the field's name everywhere
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        since: datetime | None = None,
        active: bool | None = None,
        progress: Progress | None = None,
    ) -> ThreadExportReport:
        """Write whole conversations into a file, as they are at one moment.

        Expired messages are left out. The file is there when it is whole, and only its owner can
        read it. It takes the place of a file of the same name. It is written as it is read: many
        conversations take no more working memory than few. Summaries, facts, vectors and former
        states are not in it: `Memory.export` writes those.

        Args:
            path: the file; compressed if its name ends in `.gz`.
            format: `jsonl`, which `import_` reads back without loss; or `openai`, a line
                `{"messages": [...]}` for each conversation, as for fine-tuning. Messages of other
                frameworks become such messages; ids, times, scopes and metadata are lost.
            scope: only threads at this scope and, if `recursive`, below it.
            recursive: whether threads below the scope count.
            filter: on their metadata.
            since: only those with activity at this moment or later.
            active: True for those that take messages, False for those that ended.
            progress: told how many threads are written.

        Raises:
            OutsideViewError: the scope lies outside this view.
            NotFoundError: there is no such directory.
            StorageFullError: the disk is full; nothing is left of the file.
        """
        checked_choice(format, ("jsonl", "openai"), "format")
        selection = self._within(scope, recursive)
        return self._conversations.export(
            checked_path(path),
            selection,
            _wanted(filter, since, active),
            openai=format == "openai",
            progress=checked_function(progress, "progress"),
        )

    def import_(
        self,
        path: str | Path,
        *,
        format: Literal["auto", "jsonl", "openai", "longmemeval"] = "auto",  # noqa: A002 - the field's name everywhere
        scope: ScopeLike | None = None,
        strict: bool = False,
        embed: bool = True,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ThreadImportReport:
        """Write the conversations of a file, each into a thread, and nothing that is there already.

        The file is read twice: first every conversation is checked, then the good ones are
        written, about a thousand messages at a time. A conversation of which a message is
        malformed or missing is refused whole, and the report says in which line and why. After a
        kill, importing the same file again goes on where it was.

        Messages that are in a thread already stay as they are. One that has no id gets one that
        follows from its thread, its place and what it says; a conversation without an id is named
        by what is said in it, so that two equal ones are one thread.

        Args:
            path: the file, compressed or not.
            format: `jsonl`, what `export` wrote; `openai`, lines `{"messages": [...]}`, where `id`
                and `metadata` may stand beside the messages, a JSON array of those, or a JSON
                array of messages; `longmemeval`, questions with the dated sessions behind them:
                each question gets a scope of its name, below `scope`, and its sessions are the
                threads there; `auto` looks how the file begins.
            scope: where conversations go that name no scope; by default the one this view writes.
            strict: whether one conversation that is refused is an error, before anything is
                written.
            embed: whether the messages are found by a search.
            dry_run: only check, and say what would happen.
            progress: told how many bytes of the file are done.

        Raises:
            InvalidInputError: an argument is malformed, or with `strict` a conversation is.
            OutsideViewError: the scope lies outside what this view writes.
            FormatError: the file is the export of a whole memory.
            FileDamagedError: it is compressed, and damaged or cut off.
            ConflictError: the file, or a thread it has messages for, changed meanwhile; what was
                written stays, and importing again goes on.
            NotFoundError: there is no such file.
        """
        place = Placing(
            view=self._memory._view,  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
            home=self._memory._view.writable(scope),  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
            embed=checked_flag(embed, "embed"),
        )
        if not checked_flag(dry_run, "dry_run"):
            self._memory.sweep()  # what expired must not stand in anything's place
        return import_threads(
            self._memory._store,  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
            checked_path(path),
            place,
            format=format,
            strict=strict,
            dry_run=dry_run,
            progress=progress,
        )

    def sweep(self) -> int:
        """Remove threads past their time, with their messages, for good; how many there were.

        `Memory.sweep` does this too.
        """
        target = self._memory._view.writable(None)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
        return self._conversations.sweep(self._memory._selection([target]))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above

    def _within(self, scope: ScopeLike | None, recursive: bool) -> Selection:  # noqa: FBT001 - passed on
        wanted = self._memory._wanted(scope)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
        return self._memory._selection(wanted, below=recursive)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above

    def __repr__(self) -> str:
        return f"<Threads of {self._memory!r}>"


def _wanted(given: FilterLike, since: datetime | None, active: bool | None) -> Wanted:  # noqa: FBT001 - passed on
    tree = parse_filter(given)
    if foreign := sorted(roots(tree) - {"metadata"}):
        raise InvalidInputError(
            f"a thread has no '@{foreign[0]}' to filter by; its filter is on its metadata"
        )
    return Wanted(
        tree,
        None if since is None else to_micros(since, "since"),
        None if active is None else checked_flag(active, "active"),
    )


traced(Threads, "commonplace.threads")
