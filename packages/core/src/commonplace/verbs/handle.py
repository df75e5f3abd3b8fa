"""`Handle`: what every verb stands on: the store, and the view that narrows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from commonplace.arguments import checked_flag, checked_ids
from commonplace.clock import to_micros
from commonplace.conversing import Target
from commonplace.drafts import draft, fields_of
from commonplace.errors import InvalidInputError
from commonplace.filters import parse_filter
from commonplace.ledger import Selection
from commonplace.parts import checked_kinds, checked_tags
from commonplace.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from commonplace.drafts import Draft, RecordFields
    from commonplace.filters import Filter
    from commonplace.scope import Scope, ScopeLike
    from commonplace.store import Store
    from commonplace.view import View

FilterLike: TypeAlias = "Mapping[str, Any] | Filter | None"
"""A filter as it is written in a dict, or parsed already."""


class Handle:
    """A store, seen through a view."""

    _store: Store
    _view: View

    @classmethod
    def _through(cls, store: Store, view: View) -> Self:
        handle = cls.__new__(cls)
        handle._store = store  # noqa: SLF001 - the handle is of this class
        handle._view = view  # noqa: SLF001 - as above
        return handle

    # Views

    def scope(self, scope: ScopeLike) -> Self:
        """This memory, narrowed to a scope and what lies below it, for reading and writing.

        Raises:
            OutsideViewError: the scope lies outside this view.
        """
        return self.view(read=[scope], write=scope)

    def view(self, *, read: Sequence[ScopeLike], write: ScopeLike | None = None) -> Self:
        """This memory, narrowed to several scopes to read and at most one to write.

        Scopes are always named by their whole path. A view shares its memory's files and threads;
        closing any of them closes all.

        Raises:
            OutsideViewError: a scope lies outside this view.
        """
        return self._through(self._store, self._view.narrowed(read, write))

    def __repr__(self) -> str:
        read = ", ".join(repr(scope.path) for scope in self._view.read)
        return f"<{type(self).__name__} {self._store.name!r} reading {read}>"

    def _selection(
        self,
        scopes: Sequence[Scope] | None = None,
        *,
        below: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        threads: Sequence[str] | None = None,
        closed: bool = True,
        archived: bool = True,
        valid_at: datetime | None = None,
        as_of: datetime | None = None,
    ) -> Selection:
        """What a call may touch: the only way from a view to the ledger.

        Verbs that find records leave closed and archived ones out unless asked; those that name
        or remove records reach all of them.
        """
        moment = None if as_of is None else to_micros(as_of, "as_of")
        if moment is not None and threads is not None:
            raise InvalidInputError("threads have no past of their own; leave as_of or threads out")
        return Selection(
            scope_ids=self._store.scope_ids(self._view.read if scopes is None else scopes),
            below=checked_flag(below, "recursive"),
            filter=parse_filter(filter),
            kinds=checked_kinds(kinds),
            tags=checked_tags(tags),
            threads=None if threads is None else tuple(threads),
            now=self._store.now() if moment is None else moment,
            closed=checked_flag(closed, "include_closed") or valid_at is not None,
            archived=checked_flag(archived, "include_archived"),
            valid_at=None if valid_at is None else to_micros(valid_at, "valid_at"),
            as_of=moment,
        )

    def _wanted(self, scope: ScopeLike | None) -> Sequence[Scope]:
        return self._view.read if scope is None else [self._view.readable(scope)]

    def _home(self, scope: ScopeLike | None) -> Scope:
        """Where a thread of a key is looked for."""
        if scope is not None:
            return self._view.readable(scope)
        return self._only_scope() if self._view.write is None else self._view.write

    def _thread_ids(
        self, names: Sequence[str] | str | None, scope: ScopeLike | None
    ) -> list[str] | None:
        """The ids of those of the named threads that are there; None if none were named."""
        if names is None:
            return None
        unsure = scope is None and self._view.write is None and len(self._view.read) > 1
        home = None if unsure else self._home(scope)  # several scopes: ids alone say which
        targets = (Target(name=name, home=home, view=self._view) for name in checked_ids(names))
        found = (self._store.conversations.info(target) for target in targets)
        return [info.id for info in found if info is not None]

    def _only_scope(self) -> Scope:
        if len(self._view.read) > 1:
            raise InvalidInputError("this view reads several scopes; name the key's scope")
        return next(iter(self._view.read))

    def _drafts(self, given: Sequence[tuple[str, RecordFields]]) -> list[Draft]:
        """What is to be written, all of it checked."""
        home = self._view.writable(None)
        drafts = [
            draft(content, fields, scope=home, now=self._store.now(), fresh_id=self._store.new_id())
            for content, fields in given
        ]
        for made in drafts:
            self._view.writable(made.record.scope)
        return drafts


def fields_given(
    record: str | Record | Mapping[str, Any], default: RecordFields
) -> tuple[str, RecordFields]:
    """The content and the fields of a record that is to be added, in any of its forms.

    Raises:
        InvalidInputError: it is in none of them.
    """
    if isinstance(record, str):
        return record, default
    if isinstance(record, Record):
        return record.content, fields_of(record)
    if not isinstance(record, dict):
        raise InvalidInputError(
            f"a record to add is a text, a dict or a Record, not {type(record).__name__}"
        )
    fields = {**default, **record}
    return fields.pop("content", ""), fields  # pyright: ignore[reportReturnType] - checked by `draft`
