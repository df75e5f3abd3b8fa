"""`Reader`: everything that a memory reads from its ledger.

Every record leaves through `Chain.read`, after the transaction: middleware may take its time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from commonplace.embedding import OWN_SPACE
from commonplace.errors import InvalidInputError, ModelMismatchError
from commonplace.record import Hits
from commonplace.search import DenseQuery, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.embedding import Vectoriser
    from commonplace.ledger import Ledger, Selection, Space
    from commonplace.middleware import Chain
    from commonplace.record import Record, ScopeInfo
    from commonplace.scope import Scope
    from commonplace.search import Mode, Searcher

    Vector = NDArray[np.float32]


class Lookup(NamedTuple):
    """What a search looks for, in each lane that takes part."""

    words: str | None
    dense: DenseQuery | None


class Reader:
    """Reads one ledger.

    Args:
        ledger: what is read.
        vectoriser: makes the vectors of queries.
        chain: changes every record on its way out.
        searcher: runs the searches.
    """

    def __init__(
        self, ledger: Ledger, vectoriser: Vectoriser, chain: Chain, searcher: Searcher
    ) -> None:
        self._ledger = ledger
        self._vectoriser = vectoriser
        self._chain = chain
        self._searcher = searcher
        self._spaces: dict[str, Space] = {}

    def by_id(self, ids: Sequence[str], selection: Selection) -> dict[str, Record]:
        """The selected records with these ids, by id."""
        with self._ledger.read(as_of=selection.as_of) as snapshot:
            found = snapshot.records_by_id(ids, selection)
        return {name: self._chain.read(record) for name, record in found.items()}

    def by_key(self, place: Scope, key: str, selection: Selection) -> Record | None:
        """The selected record with this key at this scope."""
        with self._ledger.read(as_of=selection.as_of) as snapshot:
            ids = [
                record_id
                for scope_id in snapshot.scope_ids([place])
                for record_id in snapshot.ids_by_key(scope_id, [key]).values()
            ]
            found = list(snapshot.records_by_id(ids, selection).values()) if ids else []
        return self._chain.read(found[0]) if found else None

    def page(
        self, selection: Selection, order_by: Sequence[str], limit: int, offset: int
    ) -> list[Record]:
        """One page of the selected records."""
        with self._ledger.read(as_of=selection.as_of) as snapshot:
            records = snapshot.page(selection, order_by, limit, offset)
        return [self._chain.read(record) for record in records]

    def count(self, selection: Selection) -> int:
        """How many records are selected."""
        with self._ledger.read(as_of=selection.as_of) as snapshot:
            return snapshot.count(selection)

    def scopes(
        self, selection: Selection, depth: int | None, limit: int, offset: int
    ) -> list[ScopeInfo]:
        """The selected scopes that hold records."""
        with self._ledger.read() as snapshot:
            return snapshot.scope_infos(selection, depth, limit, offset)

    def lookup(
        self, words: str | None, vector: Vector | None, space: str | None, mode: Mode
    ) -> Lookup | None:
        """What to look for in which lane; None if there is neither query nor vector.

        Raises:
            InvalidInputError: the mode is unknown, or lacks what it needs.
            ModelMismatchError: the vector or the embedder is not that of the space.
        """
        if words is None and vector is None:
            return None
        if mode == "lexical":
            if words is None:
                raise InvalidInputError("mode='lexical' needs a query in words")
            return Lookup(words, None)
        dense = self._dense(words, vector, space)
        return Lookup(words if mode == "hybrid" else None, dense)

    def search(
        self,
        lookup: Lookup,
        selection: Selection,
        *,
        scope: Scope | None,
        dense_weight: float,
        limit: int,
        offset: int,
        min_score: float | None,
    ) -> Hits:
        """The hits of one page."""
        request = Request(
            selection=selection,
            scope=scope,
            words=lookup.words,
            dense=lookup.dense,
            dense_weight=dense_weight,
            limit=limit,
            offset=offset,
            min_score=min_score,
        )
        hits = self._searcher.search(request)
        if not self._chain.reads:
            return hits
        shown = (replace(hit, record=self._chain.read(hit.record)) for hit in hits)
        return Hits(shown, plan=hits.plan)

    def _dense(
        self, words: str | None, vector: Vector | None, space: str | None
    ) -> DenseQuery | None:
        found = self._space(space or OWN_SPACE)
        if space is not None and space != OWN_SPACE:
            return self._foreign(space, vector, found)
        self._vectoriser.check(found)
        if vector is not None:
            self._vectoriser.check_length(vector.reshape(1, -1))
        if found is None:
            return None
        target = self._vectoriser.query(words or "") if vector is None else vector
        return DenseQuery(found, target)

    def _space(self, name: str) -> Space | None:
        """The space of this name; what makes one, its model and dimension, never changes."""
        if name not in self._spaces:
            with self._ledger.read() as snapshot:
                self._spaces |= snapshot.spaces()
        return self._spaces.get(name)

    def _foreign(self, name: str, vector: Vector | None, found: Space | None) -> DenseQuery | None:
        if vector is None:
            raise InvalidInputError(
                f"space {name!r} is searched by vector=; this memory cannot embed for it"
            )
        if found is None:
            return None
        if len(vector) != found.dimension:
            raise ModelMismatchError(
                f"space {name!r} holds vectors of {found.dimension} numbers, not {len(vector)}"
            )
        return DenseQuery(found, vector)
