"""Linking: `link`, `unlink`, `links`, `related`, `path`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonplace.arguments import (
    checked_choice,
    checked_fraction,
    checked_hops,
    checked_id,
    checked_ids,
    checked_limit,
    checked_offset,
    checked_query,
)
from commonplace.clock import from_micros
from commonplace.errors import InvalidInputError
from commonplace.ledger import Way
from commonplace.linking import Walk
from commonplace.parts import checked_parts, checked_reason, checked_type, checked_types
from commonplace.record import Direction, Link, Record, Related
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SEEDS = 5


class Linking(Handle):
    """The verbs that link records, and follow links."""

    def link(
        self,
        source: str,
        target: str,
        type: str = "related",  # noqa: A002 - the field's name everywhere
        *,
        weight: float = 1.0,
        reason: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Link:
        """Link a record to another. A link of this type between the two is replaced.

        Args:
            source: the id of the record the link leads from; it must be writable.
            target: the id of the record it leads to; it need only be seen.
            type: a lower-case word, such as `causes`, `supersedes` or `about`.
            weight: how strong it is, above 0 and at most 1.
            reason: why, in words, at most 4,000 characters.
            metadata: a JSON object.

        Returns:
            The link as it was stored; one that was replaced keeps its `created_at`.

        Raises:
            NotFoundError: one of the two cannot be seen from this view, or the source not written.
            OutsideViewError: this view only reads.
            InvalidInputError: a part is malformed, or a record is to be linked with itself.
        """
        made = Link(
            source_id=checked_id(source, "source"),
            target_id=checked_id(target, "target"),
            type=checked_type(type),
            weight=checked_fraction(weight, "weight"),
            reason=checked_reason(reason),
            metadata=checked_parts({"metadata": metadata})["metadata"],
            created_at=from_micros(self._store.now()),
        )
        if made.source_id == made.target_id:
            raise InvalidInputError("a record is not linked with itself; name two records")
        self._view.writable(None)
        return self._store.linker.link(made, self._selection(), self._may_write)

    def unlink(
        self,
        source: str,
        target: str,
        type: str | None = None,  # noqa: A002 - the field's name everywhere
    ) -> int:
        """Remove the links from a record to another: of one type, or all.

        Returns:
            How many were removed; 0 where `link` could not have made one from this view.

        Raises:
            OutsideViewError: this view only reads.
        """
        ends = checked_id(source, "source"), checked_id(target, "target")
        types = () if type is None else (checked_type(type),)
        self._view.writable(None)
        return self._store.linker.unlink(*ends, types, self._selection(), self._may_write)

    def links(
        self,
        id: str | Iterable[str],  # noqa: A002 - the field's name everywhere
        *,
        direction: Direction = "both",
        type: str | Sequence[str] | None = None,  # noqa: A002 - the field's name everywhere
        limit: int = 100,
        offset: int = 0,
    ) -> list[Link]:
        """The links of a record, or of several, each once: strongest first, ties by age and id.

        Only links between records that this view sees are there, and none of a record that it does
        not see. Closed and archived records are seen, expired ones are not.

        Args:
            id: the record's id, or several ids.
            direction: `out` for links from it, `in` for links to it, or both.
            type: only links of this type, or of one of several.
            limit: at most so many.
            offset: after so many.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        way = _way(direction, () if type is None else type)
        page = checked_limit(limit), checked_offset(offset)
        return self._store.linker.links(checked_ids(id), way, self._selection(), *page)

    def related(
        self,
        id: str | None = None,  # noqa: A002 - the field's name everywhere
        *,
        query: str | None = None,
        hops: int = 2,
        types: str | Sequence[str] = (),
        direction: Direction = "both",
        decay: float = 0.5,
        limit: int = 10,
    ) -> list[Related]:
        """The records that links lead to from a record, or from what a query finds, best first.

        A record's score is that of where its path begins, times the weight of every link on the
        path, times `decay` for every link; its best path counts. Equal scores: fewer links first,
        then by id. Only records that this view sees are found or passed through; closed and
        archived ones are among them.

        The work is bounded whatever the graph: of each record the 200 strongest of the links that
        count are followed, and at most 10,000 links are read in a call, the most promising
        first. What lies beyond them is not found.

        Args:
            id: where to begin, with score 1; that record itself is not among the results.
            query: begin with the five best hits of a search instead, each with its score. They
                are among the results, with an empty path unless another hit leads to them better.
            hops: at most so many links in a row, 1 to 32.
            types: only links of this type, or of one of several.
            direction: whether links are followed from source to target (`out`), the other way
                (`in`), or both ways.
            decay: what a score keeps with every link, above 0 and at most 1.
            limit: at most so many.

        Raises:
            InvalidInputError: neither or both of id and query were given, or an argument is
                malformed.
            ModelMismatchError: as in `search`.
            EmbedderError: as in `search`.
        """
        words = checked_query(query)
        if (id is None) == (words is None):
            raise InvalidInputError("give an id, or a query")
        walk = Walk(
            way=_way(direction, types),
            hops=checked_hops(hops, "hops"),
            decay=checked_fraction(decay, "decay"),
            limit=checked_limit(limit),
        )
        seeds = {checked_id(id): 1.0} if words is None else self._seeds(words)
        with_seeds = words is not None
        return self._store.linker.related(seeds, self._selection(), walk, with_seeds=with_seeds)

    def path(
        self,
        source: str,
        target: str,
        *,
        types: str | Sequence[str] = (),
        direction: Direction = "both",
        max_hops: int = 6,
    ) -> tuple[Link, ...] | None:
        """A shortest path of links from a record to another, in the order it is walked.

        It leads through records only that this view sees. It is looked for from both ends, breadth
        first, through the 200 strongest links of each record, and 10,000 links in all are
        read at most: in a very dense graph a path can be missed, or a longer one be found.

        Args:
            source: the id of the record where it begins.
            target: the id of the record where it ends.
            types: only links of this type, or of one of several.
            direction: whether links are followed from source to target (`out`), the other way
                (`in`), or both ways.
            max_hops: at most so many links, 1 to 32.

        Returns:
            The links; none of them if source and target are the same record; None if there is no
            path, or one of the two cannot be seen.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        ends = checked_id(source, "source"), checked_id(target, "target")
        way = _way(direction, types)
        hops = checked_hops(max_hops, "max_hops")
        return self._store.linker.path(*ends, way, self._selection(), hops)

    def _seeds(self, words: str) -> dict[str, float]:
        reader = self._store.reader
        lookup = reader.lookup(words, None, None, "hybrid")
        if lookup is None:
            return {}
        read = self._view.read
        hits = reader.search(
            lookup,
            self._selection(closed=False, archived=False),
            scope=read[0] if len(read) == 1 else None,
            dense_weight=0.5,
            limit=_SEEDS,
            offset=0,
            min_score=None,
        )
        return {hit.id: hit.score for hit in hits}

    def _may_write(self, record: Record) -> bool:
        return self._view.may_write(record.scope)


def _way(direction: Direction, types: str | Sequence[str]) -> Way:
    checked_choice(direction, ("both", "out", "in"), "direction")
    return Way(direction, checked_types(types))
