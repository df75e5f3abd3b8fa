"""Candidates for the dense lane: exact from the ledger, or proposed by the index and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.ledger import Selection
from commonplace.search.cache import VectorCache, unit
from commonplace.search.scoring import best_per_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from commonplace.ledger import Snapshot
    from commonplace.scope import Scope
    from commonplace.search.request import DenseQuery, IndexReader, Nearest, Request

    Pks = NDArray[np.int64]
    Floats = NDArray[np.float64]

EXACT_LIMIT = 5_000
"""A view of at most so many records is scored whole, exactly; the index is not asked."""

SMALL_SHARE = 0.02
"""A view of a smaller share of the memory is asked of the index by `where`, or not at all."""

POOL = 256
"""How many entries the index is asked for first; pages that lie within them come from them."""

WIDEST_POOL = 4_096
_ENOUGH = 64
_FEW_SCOPES = 64
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Candidates:
    """Records with a vector, in ascending order of number, each with its cosine.

    Attributes:
        complete: whether they are all the selected records that have a vector.
        tail: how many of them the index did not know yet.
    """

    pks: Pks
    similarity: Floats
    route: str
    reason: str
    complete: bool
    tail: int = 0


class CandidateFinder:
    """Finds candidates within one snapshot.

    Args:
        snapshot: the moment that is searched.
        index: the vector index, or None to score everything from the ledger.
        cache: vectors of hot scopes.
    """

    def __init__(self, snapshot: Snapshot, index: IndexReader | None, cache: VectorCache) -> None:
        self._snapshot = snapshot
        self._index = index
        self._cache = cache

    def propose(self, request: Request, query: DenseQuery, total: int) -> Candidates | None:
        """The best candidates by way of the index; None where exact scoring serves better.

        The index is asked for more and more until enough of its proposals are selected.
        """
        if self._index is None or total <= EXACT_LIMIT or request.reach > WIDEST_POOL:
            return None
        scope = None
        if total < SMALL_SHARE * self._everything(request):
            if request.scope is None:
                return None
            scope = request.scope
        return self._widening(self._index, request, query, scope)

    def exact(self, request: Request, query: DenseQuery, total: int) -> Candidates:
        """Every selected record that has a vector."""
        flat = self._snapshot.flattened(request.selection)
        places = self._few_places(request, total)
        if places is None:
            pks, similarity = self._by_number(query, self._snapshot.pks(flat))
        else:
            pks, similarity = self._by_place(query, places)
            if flat.narrowed or len(self._snapshot.expired(flat, limit=1)):
                keep = np.isin(pks, self._snapshot.pks(flat))
                pks, similarity = pks[keep], similarity[keep]
        reason = f"{total} records in view"
        return Candidates(pks, similarity, "exact", reason, complete=True)

    def cosines(self, query: DenseQuery, pks: Iterable[int]) -> tuple[Pks, Floats]:
        """Those of the records that have a vector, in ascending order, with their cosines."""
        found, matrix = self._snapshot.vectors(query.space, pks)
        return _cosine(found, unit(matrix), query)

    def _everything(self, request: Request) -> int:
        return self._snapshot.total(Selection.everything(now=request.selection.now))

    def _widening(
        self, index: IndexReader, request: Request, query: DenseQuery, scope: Scope | None
    ) -> Candidates | None:
        count = POOL
        while (answer := index.nearest(query, count, scope=scope)) is not None:
            found = self._checked(request, query, answer)
            passed = 0 if found is None else len(found.pks)
            if found is None or passed >= max(_ENOUGH, request.reach) or count >= WIDEST_POOL:
                return found and replace(
                    found,
                    route="index" if scope is None else "index-where",
                    reason=f"{passed} of {count} proposals are in view",
                )
            count = WIDEST_POOL if passed < _ENOUGH // 8 else count * 4
        return None

    def _checked(
        self, request: Request, query: DenseQuery, answer: Nearest
    ) -> Candidates | None:
        """Proposals and the tail, each allowed by the ledger and scored from its vectors."""
        changed = self._snapshot.changed(answer.applied_seq, EXACT_LIMIT + 1)
        if len(changed) > EXACT_LIMIT:
            return None
        tail = {pk for pk, _ in changed}
        proposed = self._snapshot.pks_by_id(answer.ids).values()
        allowed = self._snapshot.allowed(tail.union(proposed), request.selection)
        pks, similarity = self.cosines(query, [pk for pk, _, _ in allowed])
        return Candidates(pks, similarity, "", "", complete=False, tail=len(tail))

    def _few_places(self, request: Request, total: int) -> list[int] | None:
        """The scopes to score block by block, or None if there are too many of them."""
        flat = self._snapshot.flattened(request.selection)
        if flat.below and total <= EXACT_LIMIT:
            return None
        places = self._snapshot.scopes_with_records(flat)
        return places if len(places) <= _FEW_SCOPES else None

    def _by_place(self, query: DenseQuery, places: list[int]) -> tuple[Pks, Floats]:
        blocks = self._cache.blocks(self._snapshot, query.space, places)
        return _stacked([_cosine(block.pks, block.units, query) for block in blocks])

    def _by_number(self, query: DenseQuery, pks: Pks) -> tuple[Pks, Floats]:
        chunks = np.split(pks, range(_CHUNK, len(pks), _CHUNK))
        return _stacked([self.cosines(query, chunk.tolist()) for chunk in chunks])


def _cosine(pks: Pks, units: NDArray[np.float32], query: DenseQuery) -> tuple[Pks, Floats]:
    target = unit(query.vector.reshape(1, -1))[0]
    similarity = np.clip((units @ target).astype(np.float64), -1.0, 1.0)
    return best_per_record(pks, similarity)


def _stacked(parts: list[tuple[Pks, Floats]]) -> tuple[Pks, Floats]:
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    pks = np.concatenate([part[0] for part in parts])
    similarity = np.concatenate([part[1] for part in parts])
    order = np.argsort(pks, kind="stable")
    return pks[order], similarity[order]
