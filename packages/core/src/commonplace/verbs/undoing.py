"""Undoing: `roll_back`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonplace.arguments import checked_flag
from commonplace.clock import to_micros
from commonplace.errors import InvalidInputError
from commonplace.filters import And, Compare, Field, parse_filter
from commonplace.parts import checked_parts
from commonplace.rollback import RollBack, Wrong
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from commonplace.filters import Filter
    from commonplace.record import Source
    from commonplace.scope import Scope, ScopeLike
    from commonplace.verbs.handle import FilterLike


class Undoing(Handle):
    """The verb for the day after an attack."""

    def roll_back(
        self,
        *,
        source: Source | Mapping[str, Any] | None = None,
        since: datetime | None = None,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        scope: ScopeLike | None = None,
        dry_run: bool = False,
    ) -> RollBack:
        """Undo what a source wrote, or all that was written since a moment, in one transaction.

        Records that it made are deleted. Records that it changed are restored to the newest state
        that it did not write, and those that it superseded are open again. Records that others
        wrote again after it are left alone, and named in the report. The former states stay in the
        history, so that this can itself be undone record by record; `purge(report.deleted)`
        forgets them.

        Who wrote a state is what its `source` says. A change that names no source has the one that
        the record had before: only `since` finds it. A delete has none either: with `since` alone,
        what was deleted since comes back, without its links.

        Args:
            source: the parts that the source must have, all of them, such as
                `{"app": "langchain", "uri": "https://example.org/page"}`.
            since: only what was written at this moment or later.
            filter: only states that match, such as `{"@source.trust": {"$lt": 0.3}}`.
            scope: only at this scope and below it.
            dry_run: only look what would be done.

        Returns:
            What was done, by ids.

        Raises:
            InvalidInputError: none of source, since and filter was given, or one is malformed.
            OutsideViewError: this view only reads, or the scope lies outside it.
        """
        trees = [*_source_parts(source), *([] if filter is None else [parse_filter(filter)])]
        by_time_alone = not trees
        if by_time_alone and since is None:
            raise InvalidInputError("say what to undo: source, since or filter")
        moment = 0 if since is None else to_micros(since, "since")
        if since is not None:
            trees.append(Compare(Field("updated_at"), "$gte", moment))
        tree = And(tuple(trees))
        selection = self._selection([self._view.writable(scope)], filter=tree)
        wrong = Wrong(tree, by_time_alone, moment)
        if checked_flag(dry_run, "dry_run"):
            return self._store.reader.roll_back(selection, wrong, self._may_change)
        return self._store.writer.roll_back(selection, wrong, self._may_change)

    def _may_change(self, scope: Scope) -> bool:
        return self._view.may_read(scope) and self._view.may_write(scope)


def _source_parts(source: object) -> list[Filter]:
    """The conditions that a source of these parts makes; none for None.

    Raises:
        InvalidInputError: it is no source, or has no parts.
    """
    if source is None:
        return []
    parts = checked_parts({"source": source})["source"].to_dict()
    if not parts:
        raise InvalidInputError("name a part of the source, such as app or uri")
    return [Compare(Field("source", name), "$eq", part) for name, part in parts.items()]
