"""Analysing: `timeline`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from commonplace.analytics import BUCKETS, timeline_of
from commonplace.arguments import checked_choice
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace.analytics import Bucket, Timeline
    from commonplace.scope import ScopeLike
    from commonplace.verbs.handle import FilterLike


class Analysing(Handle):
    """The verbs that count."""

    def timeline(
        self,
        *,
        bucket: Bucket = "day",
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        include_closed: bool = False,
        include_archived: bool = False,
    ) -> Timeline:
        """When records of all kinds were made: how many in each hour, day, week or month (UTC).

        Parts of the timeline without records are left out. Counting by scope alone reads an index;
        kinds, tags and a filter make it look at the records.

        Args:
            bucket: how long its parts are.
            kinds: only these kinds, such as `"message"`.
            tags: only records with at least one of these tags.
            scope: only at this scope and, if `recursive`, below it.
            recursive: whether records below the scope count.
            filter: see the guide on filters; `{"@created_at": {"$gte": moment}}` for a part of it.
            include_closed: whether facts that no longer hold are counted.
            include_archived: whether archived records are.

        Raises:
            InvalidInputError: an argument is malformed.
            OutsideViewError: the scope lies outside this view.
        """
        chosen = cast("Bucket", checked_choice(bucket, BUCKETS, "bucket"))
        selection = self._selection(
            self._wanted(scope),
            below=recursive,
            filter=filter,
            kinds=kinds,
            tags=tags,
            closed=include_closed,
            archived=include_archived,
        )
        return timeline_of(chosen, self._store.reader.histogram(selection, chosen))
