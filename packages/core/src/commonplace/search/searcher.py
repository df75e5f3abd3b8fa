"""`Searcher`: runs a search: candidates, fusion, order, page.

Scope, filter and expiry choose the candidates; ranking comes after. The vector index only proposes:
every hit is checked against the ledger and scored from the ledger's own vectors.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from commonplace.ledger import check_space
from commonplace.record import Hit, Hits, Plan
from commonplace.search.candidates import NONE, CandidateFinder, Candidates
from commonplace.search.lexical import LexicalLane
from commonplace.search.messages import contextual, speakers_named, without
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
from commonplace.search.selections import SelectionCache
from commonplace.search.view import View
from commonplace.telemetry import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.ledger import Ledger, Selection, Snapshot
    from commonplace.search.cache import VectorCache
    from commonplace.search.lexical import Matches
    from commonplace.search.messages import MessageBlock, MessageCache
    from commonplace.search.request import DenseQuery, IndexReader, Request
    from commonplace.search.texts import TextCache

    Stage: TypeAlias = "tuple[Scored, Candidates]"


_BEST = 3
_FEW = 100
_UNREAD = "; encrypted texts are not found by their words in a view of so many records"


class _Relevance(NamedTuple):
    """A logistic regression on the best cosine, and on how much of the query's words is there."""

    base: float
    cosine: float
    covered: float


_RELEVANCE = _Relevance(-4.5, 4.3, 6.4)


class Searcher:
    """Runs searches against one ledger and its index.

    Args:
        ledger: where the records are.
        index: the vector index, or None to score everything from the ledger.
        vectors: those of hot scopes.
        texts: the terms of those of hot scopes.
        messages: where those of hot scopes stand in their threads.
    """

    def __init__(
        self,
        ledger: Ledger,
        index: IndexReader | None,
        vectors: VectorCache,
        texts: TextCache,
        messages: MessageCache,
    ) -> None:
        self._ledger = ledger
        self._index = index
        self._vectors = vectors
        self._texts = texts
        self._messages = messages
        self._selections = SelectionCache()

    def search(self, request: Request) -> Hits:
        """The hits of one page, best first, with the plan that found them."""
        started = time.perf_counter()
        past = request.selection.as_of is not None
        with self._ledger.read(as_of=request.selection.as_of) as snapshot:
            if not past and request.dense is not None:
                snapshot.expect_search()
            flat = snapshot.flattened(request.selection, ahead=snapshot.expect_view)
            request = replace(request, selection=flat)
            if request.dense is not None:
                request = replace(request, dense=_present(snapshot, request.dense))
            selections = None if past else self._selections
            view = View(snapshot, request.selection, selections)
            lane = self._lane(view, request, past=past)
            stages = self._stages(view, request, lane, past=past)
            page, found, best = _page(view, request, stages)
            if request.unscored and len(page) < request.limit:
                page = joined(page, _unscored(snapshot, request, found, len(page)))
            hits = _hits(snapshot, page)
        plan = Plan(
            route=found.route,
            reason=found.reason + (_UNREAD if lane is not None and lane.unread else ""),
            matches=view.total,
            candidates=len(found.pks),
            tail=found.tail,
            milliseconds=(time.perf_counter() - started) * 1000,
        )
        note(
            route=plan.route,
            matches=plan.matches,
            candidates=plan.candidates,
            tail=plan.tail,
            milliseconds=plan.milliseconds,
        )
        relevance = _relevance(best, lane) if request.dense and lane else None
        return Hits(hits, relevance=relevance, plan=plan)

    def _lane(self, view: View, request: Request, *, past: bool) -> LexicalLane | None:
        if request.words is None:
            return None
        analyser = self._texts.analyser
        wanted = analyser.wanted(request.words)
        return LexicalLane(view, request, wanted, analyser, None if past else self._texts)

    def _stages(
        self, view: View, request: Request, lane: LexicalLane | None, *, past: bool
    ) -> Iterator[Stage]:
        # The index and the caches know the present alone.
        if request.dense is None:
            if lane is not None:
                yield from _by_words(lane, request)
            return
        cache = None if past else self._vectors
        block = None
        if lane is not None and lane.small and not past:
            block = self._messages.block(view)
        if block is None:
            finder = CandidateFinder(view, None if past else self._index, cache)
            yield from _by_vector(finder, lane, request, request.dense)
        else:  # a message may be found by its neighbours: all of them are scored
            yield from _in_context(CandidateFinder(view, None, cache), lane, request, block)


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


def _by_words(lane: LexicalLane, request: Request) -> Iterator[Stage]:
    """The lexical lane alone: the best of a large view, then all of it."""
    if not lane.small:
        yield _stage_of_words(lane.leading(request.limit), complete=False)
    yield _stage_of_words(lane.every(), complete=True)


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


def _stage_of_words(matches: Matches, *, complete: bool) -> Stage:
    scored = lexical_scored(matches)
    reason = "full text only"
    return scored, Candidates(scored.pks, scored.similarity, "none", reason, complete=complete)


def _by_vector(
    finder: CandidateFinder, lane: LexicalLane | None, request: Request, query: DenseQuery
) -> Iterator[Stage]:
    """The dense lane, alone or fused with the lexical one, whose every text match counts."""
    for found in finder.stages(request, query):
        if lane is None:
            yield dense_scored(found.pks, found.similarity), found
            continue
        pks, similarity = found.pks, found.similarity
        if found.complete:
            matches = lane.every()
        else:
            matches = lane.leading(request.limit)
            others = lane.among(pks[np.isnan(matches.of(pks))])
            more, cosines = finder.cosines(query, matches.outside(pks).tolist())
            pks, similarity = np.concatenate([pks, more]), np.concatenate([similarity, cosines])
            matches = matches.and_(others)
        yield fused(pks, similarity, matches, dense_weight=request.dense_weight), found


def _in_context(
    finder: CandidateFinder, lane: LexicalLane | None, request: Request, block: MessageBlock
) -> Iterator[Stage]:
    """Both lanes, and then what the messages' neighbours, sessions, speakers and times say.

    The names of speakers lead vectors astray: the lexical lane and the context carry them.
    """
    question = request.words or ""
    dense = request.dense
    if request.embed and (named := speakers_named(block.names, question)):
        dense = request.embed(without(named, question)) or dense
    if dense is not None:
        for scored, found in _by_vector(finder, lane, request, dense):
            yield contextual(scored, block, question, request.now, request.context), found


def _page(
    view: View, request: Request, stages: Iterator[Stage]
) -> tuple[Scored, Candidates, Scored]:
    """The page, the last candidates it took, and the very best of the first ones.

    Each stage ranks what the stages before did not have, behind them: so no page repeats or skips a
    record, however many stages each page goes through.
    """
    ranked, found, best = EMPTY, NONE, EMPTY
    live = request.selection.widened  # candidates have passed the filter already
    for every, found in stages:
        best = best if len(best) else leading(every, _BEST)
        scored = above(every, request.min_score)
        fresh = scored.take(~np.isin(scored.pks, ranked.pks))
        wanted = len(fresh) if not found.complete else request.reach - len(ranked)
        ranked = joined(ranked, _ordered(view.snapshot, live, fresh, wanted))
        if len(ranked) >= request.reach:
            break
    page = ranked.take(np.arange(len(ranked))[request.offset : request.reach])
    return page, found, best


def _relevance(best: Scored, lane: LexicalLane) -> float:
    """How likely it is that the best candidates answer the question; see `docs/recall.md`."""
    cosine = float(np.nan_to_num(best.similarity).max(initial=0.0))
    words = float(np.nan_to_num(best.lexical).max(initial=0.0))
    covered = words / lane.attainable if lane.attainable else 0.0
    at = _RELEVANCE.base + _RELEVANCE.cosine * cosine + _RELEVANCE.covered * covered
    return 0.0 if not len(best) else 1 / (1 + math.exp(-at))


def _ordered(snapshot: Snapshot, selection: Selection, scored: Scored, count: int) -> Scored:
    """The `count` best that the ledger lets be seen, ties newest first and then by id."""
    reach = count
    while True:
        top = leading(scored, reach)
        if len(top) <= _FEW:
            snapshot.expect_records(top.pks.tolist())
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
        Hit(
            record=records[pk],
            score=score,
            similarity=_known(cosine),
            lexical=_known(words),
            parts={name: float(part[n]) for name, part in page.parts.items() if part[n]},
        )
        for n, (pk, score, cosine, words) in enumerate(page.rows())
    ]


def _known(number: float) -> float | None:
    return None if np.isnan(number) else number
