"""Comparing: `diff`, `merge`, `sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from commonplace.arguments import checked_choice, checked_flag
from commonplace.comparing import Side, difference, merge, mirror
from commonplace.errors import InvalidInputError
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from commonplace.comparing import Diff, MergeReport, Strategy, SyncReport

_STRATEGIES = ("newest", "source", "target", "both")


class Comparing(Handle):
    """The verbs that set this memory against another one, or a scope of it against another."""

    def diff(self, other: Handle, *, by: Literal["id", "content"] | None = None) -> Diff:
        """How another memory, or another scope of this one, differs from this one.

        Both are read as if they began at the scope of their view. Ids, versions and times of
        writing do not count as a difference.

        Args:
            other: a memory or a view of one scope.
            by: which records are the same: those of one `id`, or those of one place, kind, key and
                `content`. By id between two memories, by content within one, if left out.

        Raises:
            InvalidInputError: one of the two views reads several scopes.
        """
        here, there = self._sides(other)
        chosen = ("content" if here.store.is_at(there.store) else "id") if by is None else by
        return difference(here, there, checked_choice(chosen, ("id", "content"), "by"))

    def merge(
        self, source: Handle, *, strategy: Strategy = "newest", dry_run: bool = False
    ) -> MergeReport:
        """Bring in what another memory, or another scope of this one, has.

        Records that are here already are those with the same id, or the same key at the same
        place; between scopes of one memory, and where another scope has the id, also those with
        the same content. Nothing is deleted. Vectors and links come along, histories do not; what
        another embedder made is embedded anew. Some hundred records at a time are written, each
        lot whole; after an interruption merge again.

        Args:
            source: a memory or a view of one scope.
            strategy: whose state stays where both have a record: the one written later
                (`newest`), the `source`'s, the `target`'s (this memory's), or `both`, side by side.
                Of a link that both have, the target's stays with the last two, else the source's.
            dry_run: only count records; links are not counted.

        Raises:
            OutsideViewError: this view does not write the whole of what it reads.
            InvalidInputError: one of the two views reads several scopes, or the target lies within
                the source.
            ConflictError: a record would need a key that another one has here.
        """
        checked_choice(strategy, _STRATEGIES, "strategy")
        target, other = self._sides(source)
        self._view.writable(target.base)
        if target.store.is_at(other.store) and other.base.contains(target.base):
            raise InvalidInputError("a scope is not merged with itself or into a part of itself")
        return merge(target, other, strategy, dry_run=checked_flag(dry_run, "dry_run"))

    def sync(self, source: Handle, *, dry_run: bool = False) -> SyncReport:
        """Keep this memory a copy of another: bring over what changed there since the last time.

        The source always wins, its deletions too, and so do its links; records that only this
        memory has are left alone, with their links. How far it has come is kept in this memory,
        so that each call only does what is new; a call that was stopped is taken up by the next.

        Args:
            source: another memory, or a view of one scope of it.
            dry_run: only count records; links are not counted.

        Raises:
            OutsideViewError: this view does not write the whole of what it reads.
            InvalidInputError: the source is this very memory, or a view reads several scopes.
            ConflictError: an id or a key of the source is taken by another record here.
        """
        target, other = self._sides(source)
        self._view.writable(target.base)
        if target.store.is_at(other.store):
            raise InvalidInputError("a memory is not synchronised with itself; use merge")
        return mirror(target, other, dry_run=checked_flag(dry_run, "dry_run"))

    def _sides(self, other: object) -> tuple[Side, Side]:
        there = getattr(other, "memory", other)  # of an `AsyncMemory`
        if not isinstance(there, Comparing):
            raise InvalidInputError(
                "the other one is a Memory or a view of one; open it first, with its keys if it is "
                "encrypted"
            )
        return self._side(), there._side()  # noqa: SLF001 - of this class

    def _side(self) -> Side:
        if len(self._view.read) > 1:
            raise InvalidInputError("a view of several scopes has no single place to compare")
        return Side(self._store, next(iter(self._view.read)))
