"""`Searcher`: runs a search: candidates, fusion, order, page.

Scope, filter and expiry choose the candidates; ranking comes after. The vector index only proposes:
every hit is checked against the ledger and scored from the ledger's own vectors.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.ledger import check_space
from commonplace.record import Hit, Hits, Plan
from commonplace.search.candidates import NONE, CandidateFinder, Candidates
from commonplace.search.scoring import (
    EMPTY,
    Scored,
    above,
    dense_scored,
    fused,
    joined,
    leading,
    lexical_scored,
)

if TYPE_CHECKING:
    from commonplace.ledger import Ledger, Selection, Snapshot
    from commonplace.search.cache import VectorCache
    from commonplace.search.request import DenseQuery, IndexReader, Request

_TEXTS = 100
_ALL = 2**62


class Searcher:
    """Runs searches against one ledger and its index.

    Args:
        ledger: where the records are.
        index: the vector index, or None to score everything from the ledger.
        cache: vectors of hot scopes.
    """

    def __init__(self, ledger: Ledger, index: IndexReader | None, cache: VectorCache) -> None:
        self._ledger = ledger
        self._index = index
        self._cache = cache

    def search(self, request: Request) -> Hits:
        """The hits of one page, best first, with the plan that found them."""
        started = time.perf_counter()
        past = request.selection.as_of is not None
        with self._ledger.read(as_of=request.selection.as_of) as snapshot:
            request = replace(request, selection=snapshot.flattened(request.selection))
            if request.dense is not None:
                request = replace(request, dense=_present(snapshot, request.dense))
            total = snapshot.total(request.selection)
            if request.dense is None:
                page, found = _by_words(snapshot, request)
            else:
                # The index and the cache know the present alone.
                index, cache = (None, None) if past else (self._index, self._cache)
                finder = CandidateFinder(snapshot, index, cache)
                page, found = _DenseSearch(snapshot, finder, request, request.dense, total).run()
            if request.unscored and len(page) < request.limit:
                page = joined(page, _unscored(snapshot, request, found, len(page)))
            hits = _hits(snapshot, page)
        return Hits(
            hits,
            plan=Plan(
                route=found.route,
                reason=found.reason,
                matches=total,
                candidates=len(found.pks),
                tail=found.tail,
                milliseconds=(time.perf_counter() - started) * 1000,
            ),
        )


def _present(snapshot: Snapshot, query: DenseQuery) -> DenseQuery | None:
    """The query on the space that has its name now: a reindex may have put another there.

    Raises:
        ModelMismatchError: another model made it.
    """
    space = snapshot.searchable_spaces().get(query.space.name)
    if space is None:
        return None
    check_space(space, query.space.identity, query.space.dimension)
    return replace(query, space=space)


def _by_words(snapshot: Snapshot, request: Request) -> tuple[Scored, Candidates]:
    matches = snapshot.matching_text(
        request.words or "", request.selection, request.limit, offset=request.offset
    )
    page = above(lexical_scored(matches), request.min_score)
    return page, Candidates(page.pks, page.similarity, "none", "full text only", complete=True)


def _unscored(snapshot: Snapshot, request: Request, found: Candidates, shown: int) -> Scored:
    """The records without a vector that fill the rest of a page, behind all that have one."""
    live = len(snapshot.allowed(found.pks.tolist(), request.selection.widened)) if not shown else 0
    ranked = request.offset + shown if shown else live
    pks = snapshot.without_vectors(
        None if request.dense is None else request.dense.space,
        request.selection,
        request.limit - shown,
        max(request.offset - ranked, 0),
    )
    nothing = np.full(len(pks), np.nan)
    return Scored(np.array(pks, dtype=np.int64), nothing, nothing, np.zeros(len(pks)))


class _DenseSearch:
    """One search with a dense lane, alone or fused with the lexical one."""

    def __init__(
        self,
        snapshot: Snapshot,
        finder: CandidateFinder,
        request: Request,
        query: DenseQuery,
        total: int,
    ) -> None:
        self._snapshot = snapshot
        self._finder = finder
        self._request = request
        self._query = query
        self._total = total
        # Candidates have passed the filter already; whether they still live is seen again.
        self._live = request.selection.widened

    def run(self) -> tuple[Scored, Candidates]:
        """The page, and the last candidates it took.

        Each stage ranks what the stages before did not have, behind them: so no page repeats or
        skips a record, however many stages each page goes through.
        """
        ranked, found = EMPTY, NONE
        for found in self._finder.stages(self._request, self._query, self._total):
            scored = self._scored(found)
            fresh = scored.take(~np.isin(scored.pks, ranked.pks))
            wanted = len(fresh) if not found.complete else self._request.reach - len(ranked)
            ranked = joined(ranked, _ordered(self._snapshot, self._live, fresh, wanted))
            if len(ranked) >= self._request.reach:
                break
        return ranked.take(
            np.arange(len(ranked))[self._request.offset : self._request.reach]
        ), found

    def _scored(self, found: Candidates) -> Scored:
        if self._request.words is None:
            return above(dense_scored(found.pks, found.similarity), self._request.min_score)
        matches = self._matches(self._request.words, found)
        pks, similarity = found.pks, found.similarity
        if not found.complete:
            missing = sorted(set(matches).difference(pks.tolist()))
            more, cosines = self._finder.cosines(self._query, missing)
            pks, similarity = np.concatenate([pks, more]), np.concatenate([similarity, cosines])
        scored = fused(pks, similarity, matches, dense_weight=self._request.dense_weight)
        return above(scored, self._request.min_score)

    def _matches(self, words: str, found: Candidates) -> dict[int, float]:
        """BM25 of every text match; before the last stage of the best and of the candidates."""
        selection = self._request.selection
        if found.complete:
            return dict(self._snapshot.matching_text(words, selection, _ALL))
        most = max(_TEXTS, 4 * self._request.limit)
        matches = dict(self._snapshot.matching_text(words, selection, most))
        if len(matches) == most:
            others = set(found.pks.tolist()).difference(matches)
            matches.update(
                self._snapshot.matching_text(words, selection, len(others), among=others)
            )
        return matches


def _ordered(snapshot: Snapshot, selection: Selection, scored: Scored, count: int) -> Scored:
    """The `count` best that the ledger lets be seen, ties newest first and then by id."""
    reach = count
    while True:
        top = leading(scored, reach)
        rows = snapshot.allowed(top.pks.tolist(), selection)
        if len(rows) >= count or len(top) == len(scored):
            break
        reach = reach * 2 + 16
    rank = {pk: (-created_at, name) for pk, created_at, name in rows}
    numbers = [n for n, pk in enumerate(top.pks.tolist()) if pk in rank]
    numbers.sort(key=lambda n: (-float(top.score[n]), *rank[int(top.pks[n])]))
    return top.take(np.array(numbers[: max(count, 0)], dtype=np.intp))


def _hits(snapshot: Snapshot, page: Scored) -> list[Hit]:
    records = snapshot.numbered(page.pks.tolist())
    return [
        Hit(record=records[pk], score=score, similarity=_known(cosine), lexical=_known(words))
        for pk, score, cosine, words in page.rows()
    ]


def _known(number: float) -> float | None:
    return None if np.isnan(number) else number
