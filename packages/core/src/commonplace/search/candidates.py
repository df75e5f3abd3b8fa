"""Candidates for the dense lane: exact from the ledger, or proposed by the index and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.search.cache import normalised
from commonplace.search.request import EXACT_LIMIT, NoAnswer
from commonplace.search.scoring import best_per_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from commonplace.search.cache import Block, VectorCache
    from commonplace.search.request import DenseQuery, IndexReader, Nearest, Request
    from commonplace.search.view import View

    Pks = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

EXACT_LIMIT_FILTERED = 20_000
"""The same for a view that is narrowed further: the index would propose much that is filtered."""

SMALL_SHARE = 0.02
"""A view of a smaller share of the memory is asked of the index by `where`, or not at all."""

FIRST_POOL = 2
"""The index is asked first for so many times the limit, then for what the first answer suggests."""

WIDEST_POOL = 4_096
_LEAST_LIMIT = 10
_SPARE = 1.5
_CHUNK = 20_000
_SMALL_PART = 0.25


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
        view: what is searched.
        index: the vector index, or None to score everything from the ledger.
        cache: vectors of hot scopes, or None to read every vector.
    """

    def __init__(self, view: View, index: IndexReader | None, cache: VectorCache | None) -> None:
        self._view = view
        self._snapshot = view.snapshot
        self._index = index
        self._cache = cache
        self._why = ""

    def stages(self, request: Request, query: DenseQuery) -> Iterator[Candidates]:
        """Candidates, more at each stage; the last stage has them all.

        The sizes of the stages depend on the limit and not on the offset, so that every page of
        one search goes through the same stages.
        """
        yield from self._proposals(request, query)
        yield self._exact(query)

    def _exact(self, query: DenseQuery) -> Candidates:
        """Every selected record that has a vector."""
        view = self._view
        if self._cache is None or view.places is None or self._by_number_is_less(query):
            pks, similarity = self._by_number(query, view.chosen)
        else:
            blocks = self._cache.blocks(view.snapshot, query.space, view.places)
            pks, similarity = _by_block(query, blocks, view.keep)
        reason = f"{view.total} records in view{self._why}"
        return Candidates(pks, similarity, "exact", reason, complete=True)

    def _by_number_is_less(self, query: DenseQuery) -> bool:
        """Whether few of the view's records are chosen, and its scopes do not fit the cache."""
        view = self._view
        few = view.chosen_one_by_one and len(view.chosen) < _SMALL_PART * view.total
        return few and not (self._cache and self._cache.fits(query.space, view.total))

    def cosines(self, query: DenseQuery, pks: Iterable[int]) -> tuple[Pks, Floats]:
        """Those of the records that have a vector, with their cosines."""
        found, matrix = self._snapshot.vectors(query.space, pks)
        return _best(found, _products(normalised(matrix), query.direction))

    def _proposals(self, request: Request, query: DenseQuery) -> Iterator[Candidates]:
        """What the index proposes, as long as it answers and asking it pays."""
        total = self._view.total
        exactly = EXACT_LIMIT_FILTERED if request.selection.narrowed else EXACT_LIMIT
        if self._index is None or total <= exactly:
            return
        small = self._is_small_share(request, total)
        scope = request.scope if small else None
        if small and scope is None:
            return
        count = FIRST_POOL * max(request.limit, _LEAST_LIMIT)
        while count:
            answer = self._index.nearest(query, count, scope=scope)
            if isinstance(answer, NoAnswer):
                self._why = f"; {answer.why}"
                return
            found = self._checked(request, query, answer)
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

    def _checked(self, request: Request, query: DenseQuery, answer: Nearest) -> Candidates:
        """Proposals and the tail, each allowed by the ledger and scored from its vectors."""
        tail = set(answer.changed)
        pks = self._snapshot.selected_ids(answer.ids, request.selection)
        if tail:
            pks += [
                pk for pk, _, _ in self._snapshot.allowed(tail.difference(pks), request.selection)
            ]
        pks, similarity = self.cosines(query, pks)
        return Candidates(pks, similarity, "", "", complete=False, tail=len(tail))

    def _by_number(self, query: DenseQuery, pks: Pks) -> tuple[Pks, Floats]:
        chunks = np.split(pks, range(_CHUNK, len(pks), _CHUNK))
        return _stacked([self.cosines(query, chunk.tolist()) for chunk in chunks])


def _by_block(
    query: DenseQuery, blocks: Iterable[Block], keep: Callable[[Pks], Flags] | None
) -> tuple[Pks, Floats]:
    """The records of some blocks, one after the other, or those of them that are kept."""
    target = query.direction
    found: list[tuple[Pks, NDArray[np.float32]]] = []
    once = True
    for block in blocks:
        rows = slice(None) if keep is None else keep(block.pks)
        found.append((block.pks[rows], _partly(block.units, rows, target)))
        once = once and block.once
    if not found:
        return NONE.pks, NONE.similarity
    pks = np.concatenate([pks for pks, _ in found])
    return _best(pks, np.concatenate([similarity for _, similarity in found]), once=once)


def _partly(
    units: NDArray[np.float32], rows: NDArray[np.bool_] | slice, target: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The products of some rows; picking many of them out first would cost more than it saves."""
    few = not isinstance(rows, slice) and np.count_nonzero(rows) < _SMALL_PART * len(rows)
    return _products(units[rows], target) if few else _products(units, target)[rows]


def _products(units: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cosine of each row with the query.

    Equal rows get equal numbers wherever they stand, or ties would not be ties: the matrix product
    of BLAS, which is faster, rounds the last rows of a matrix otherwise than the first.
    """
    return np.einsum("ij,j->i", units, target)


def _next_pool(count: int, passed: int, wanted: int) -> int:
    """How many to ask for next, by the share that passed; 0 if the widest did not do.

    Where none passed, the share is taken for a fifth of what would have let one pass.
    """
    if count >= WIDEST_POOL:
        return 0
    expected = int(_SPARE * wanted * count / max(passed, 0.2))
    return min(max(expected, 4 * count), WIDEST_POOL)


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
