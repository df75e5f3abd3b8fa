"""`Threads`: the conversations of a memory, taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from commonplace.arguments import checked_flag, checked_iterable, checked_limit, checked_offset
from commonplace.clock import to_micros
from commonplace.errors import InvalidInputError
from commonplace.filters import parse_filter, roots
from commonplace.ledger import Wanted

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable
    from datetime import datetime

    from commonplace.message import ThreadInfo
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
        selection = self._memory._selection(self._memory._wanted(scope), below=recursive)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
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
        selection = self._memory._selection(self._memory._wanted(scope), below=recursive)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
        return self._conversations.count(selection, _wanted(filter, since, active))

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
            given = [names] if isinstance(names, str) else checked_iterable(names or (), "names")
            return sum(self._memory.thread(name, scope=scope).delete() for name in given)
        target = self._memory._view.writable(scope)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
        selection = self._memory._selection([target])  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above
        return self._conversations.delete_idle(selection, to_micros(older_than, "older_than"))

    def sweep(self) -> int:
        """Remove threads past their time, with their messages, for good; how many there were.

        `Memory.sweep` does this too.
        """
        target = self._memory._view.writable(None)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house
        return self._conversations.sweep(self._memory._selection([target]))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as above

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
