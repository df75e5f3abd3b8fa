"""Candidates for the dense lane: exact from the ledger, or proposed by the index and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.search.cache import unit
from commonplace.search.request import EXACT_LIMIT
from commonplace.search.scoring import best_per_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from commonplace.ledger import Selection, Snapshot
    from commonplace.search.cache import Block, VectorCache
    from commonplace.search.request import DenseQuery, IndexReader, Nearest, Request

    Pks = NDArray[np.int64]
    Floats = NDArray[np.float64]

EXACT_LIMIT_FILTERED = 20_000
"""The same for a view that is narrowed further: the index would propose much that is filtered."""

SMALL_SHARE = 0.02
"""A view of a smaller share of the memory is asked of the index by `where`, or not at all."""

FIRST_POOL = 4
"""The index is asked first for so many times the limit, then for four times more, and so on."""

WIDEST_POOL = 4_096
_LEAST_POOL = 40
_FEW_SCOPES = 512
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Candidates:
    """Records with a vector, each once, with its cosine.

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


NONE = Candidates(np.zeros(0, dtype=np.int64), np.zeros(0), "none", "", complete=True)
"""No candidates at all."""


class CandidateFinder:
    """Finds candidates within one snapshot.

    Args:
        snapshot: the moment that is searched.
        index: the vector index, or None to score everything from the ledger.
        cache: vectors of hot scopes, or None to read every vector.
    """

    def __init__(
        self, snapshot: Snapshot, index: IndexReader | None, cache: VectorCache | None
    ) -> None:
        self._snapshot = snapshot
        self._index = index
        self._cache = cache

    def stages(self, request: Request, query: DenseQuery, total: int) -> Iterator[Candidates]:
        """Candidates, more at each stage; the last stage has them all.

        The sizes of the stages depend on the limit and not on the offset, so that every page of
        one search goes through the same stages.
        """
        yield from self._proposals(request, query, total)
        yield self._exact(request, query, total)

    def _exact(self, request: Request, query: DenseQuery, total: int) -> Candidates:
        """Every selected record that has a vector."""
        selection = request.selection
        places = self._few_places(selection)
        if self._cache is None or places is None:
            pks, similarity = self._by_number(query, self._snapshot.pks(selection))
        else:
            blocks = self._cache.blocks(self._snapshot, query.space, places)
            pks, similarity = _by_block(query, blocks, self._wanted(selection))
        reason = f"{total} records in view"
        return Candidates(pks, similarity, "exact", reason, complete=True)

    def cosines(self, query: DenseQuery, pks: Iterable[int]) -> tuple[Pks, Floats]:
        """Those of the records that have a vector, with their cosines."""
        found, matrix = self._snapshot.vectors(query.space, pks)
        return _cosine(found, unit(matrix), query)

    def _proposals(self, request: Request, query: DenseQuery, total: int) -> Iterator[Candidates]:
        """What the index proposes, as long as it answers and asking it pays."""
        exactly = EXACT_LIMIT_FILTERED if request.selection.narrowed else EXACT_LIMIT
        if self._index is None or total <= exactly:
            return
        small = self._is_small_share(request, total)
        scope = request.scope if small else None
        if small and scope is None:
            return
        count = max(FIRST_POOL * request.limit, _LEAST_POOL)
        while count <= WIDEST_POOL:
            answer = self._index.nearest(query, count, scope=scope)
            found = answer and self._checked(request, query, answer)
            if found is None:
                return
            if len(found.pks) >= request.limit:
                yield replace(
                    found,
                    route="index" if scope is None else "index-where",
                    reason=f"{len(found.pks)} of {count} proposals are in view",
                )
            count = _next_pool(count, len(found.pks), request.limit)

    def _is_small_share(self, request: Request, total: int) -> bool:
        if request.selection.everywhere:
            return False
        return total < SMALL_SHARE * self._snapshot.held()

    def _checked(self, request: Request, query: DenseQuery, answer: Nearest) -> Candidates | None:
        """Proposals and the tail, each allowed by the ledger and scored from its vectors."""
        changed = self._snapshot.changed(answer.applied_seq, EXACT_LIMIT + 1)
        if len(changed) > EXACT_LIMIT:
            return None
        tail = {pk for pk, _ in changed}
        pks = self._snapshot.selected_ids(answer.ids, request.selection)
        if tail:
            pks += [
                pk for pk, _, _ in self._snapshot.allowed(tail.difference(pks), request.selection)
            ]
        pks, similarity = self.cosines(query, pks)
        return Candidates(pks, similarity, "", "", complete=False, tail=len(tail))

    def _few_places(self, selection: Selection) -> list[int] | None:
        """The scopes to score block by block, or None if there are too many of them."""
        if not selection.below:
            return list(selection.scope_ids)
        places = self._snapshot.scopes_with_records(selection)
        return places if len(places) <= _FEW_SCOPES else None

    def _wanted(self, selection: Selection) -> Callable[[Pks], NDArray[np.bool_]] | None:
        """Which records of the selected scopes are selected; None for all of them."""
        if selection.narrowed or selection.valid_at is not None:
            chosen = self._snapshot.pks(selection)
            return lambda pks: np.isin(pks, chosen)
        hidden = self._snapshot.hidden(selection)
        return (lambda pks: np.isin(pks, hidden, invert=True)) if len(hidden) else None

    def _by_number(self, query: DenseQuery, pks: Pks) -> tuple[Pks, Floats]:
        chunks = np.split(pks, range(_CHUNK, len(pks), _CHUNK))
        return _stacked([self.cosines(query, chunk.tolist()) for chunk in chunks])


def _by_block(
    query: DenseQuery, blocks: list[Block], wanted: Callable[[Pks], NDArray[np.bool_]] | None
) -> tuple[Pks, Floats]:
    """The records of some blocks, or those of them that are wanted."""
    if not blocks:
        return NONE.pks, NONE.similarity
    pks = np.concatenate([block.pks for block in blocks])
    if wanted is None:
        similarity = np.concatenate([_products(block.units, query) for block in blocks])
    else:
        keep = wanted(pks)
        parts = np.split(keep, np.cumsum([len(block.pks) for block in blocks])[:-1])
        chosen = zip(blocks, parts, strict=True)
        similarity = np.concatenate([_products(block.units[part], query) for block, part in chosen])
        pks = pks[keep]
    return _best(pks, similarity, once=all(block.once for block in blocks))


def _next_pool(count: int, passed: int, wanted: int) -> int:
    """Four times more; at once the widest if so few pass that less would not do."""
    hopeless = passed * 4 < wanted and count < WIDEST_POOL
    return WIDEST_POOL if hopeless else count * 4


def _cosine(pks: Pks, units: NDArray[np.float32], query: DenseQuery) -> tuple[Pks, Floats]:
    return _best(pks, _products(units, query))


def _products(units: NDArray[np.float32], query: DenseQuery) -> NDArray[np.float32]:
    """The cosine of each row with the query.

    Equal rows get equal numbers wherever they stand, or ties would not be ties: the matrix product
    of BLAS, which is faster, rounds the last rows of a matrix otherwise than the first.
    """
    target = unit(query.vector.reshape(1, -1))[0]
    return np.einsum("ij,j->i", units, target)


def _best(pks: Pks, similarity: NDArray[np.float32], *, once: bool = False) -> tuple[Pks, Floats]:
    """One row a record; `once` promises that there is one already."""
    cosine = np.clip(similarity.astype(np.float64), -1.0, 1.0)
    return (pks, cosine) if once else best_per_record(pks, cosine)


def _stacked(parts: list[tuple[Pks, Floats]]) -> tuple[Pks, Floats]:
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    pks = np.concatenate([part[0] for part in parts])
    similarity = np.concatenate([part[1] for part in parts])
    order = np.argsort(pks, kind="stable")
    return pks[order], similarity[order]
