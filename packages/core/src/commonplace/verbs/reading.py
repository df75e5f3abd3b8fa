"""Reading: `get`, `get_many`, `list`, `count`, `scopes`, `search`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.arguments import (
    checked_choice,
    checked_flag,
    checked_id,
    checked_ids,
    checked_instance,
    checked_limit,
    checked_number,
    checked_offset,
    checked_order,
    checked_query,
    checked_weight,
)
from commonplace.clock import to_micros
from commonplace.errors import InvalidInputError
from commonplace.parts import checked_query_vector
from commonplace.record import Hit, Hits, Record, ScopeInfo
from commonplace.reranking import checked_pool, reranked
from commonplace.search import Bm25, ContextWeights
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from commonplace.parts import VectorLike
    from commonplace.reranking import Reranker
    from commonplace.scope import ScopeLike
    from commonplace.search import Mode
    from commonplace.verbs.handle import FilterLike


class Reading(Handle):
    """The verbs that find records."""

    def get(
        self,
        id: str | None = None,  # noqa: A002 - the field's name everywhere
        *,
        key: str | None = None,
        scope: ScopeLike | None = None,
        as_of: datetime | None = None,
    ) -> Record | None:
        """The record with this id, or with this key at this scope; None if there is none.

        Args:
            id: the record's id.
            key: the record's key; with `scope`, or in a view of one scope.
            scope: where the key is looked up: that scope itself, not below it.
            as_of: as it was at this moment; see `list`.

        Raises:
            InvalidInputError: neither or both of id and key were given.
        """
        if (id is None) == (key is None):
            raise InvalidInputError("give an id, or a key and its scope")
        if id is not None:
            return self.get_many([checked_id(id)], as_of=as_of)[0]
        place = self._view.readable(self._only_scope() if scope is None else scope)
        selection = self._selection([place], below=False, as_of=as_of)
        return self._store.reader.by_key(checked_id(key, "key"), selection)

    def get_many(
        self, ids: Iterable[str], *, as_of: datetime | None = None
    ) -> builtins.list[Record | None]:
        """The records with these ids in the order given; None for each that is not to be seen."""
        wanted = checked_ids(ids)
        found = self._store.reader.by_id(wanted, self._selection(as_of=as_of))
        return [found.get(record_id) for record_id in wanted]

    def list(
        self,
        *,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        threads: Sequence[str] | str | None = None,
        include_closed: bool = False,
        include_archived: bool = False,
        valid_at: datetime | None = None,
        as_of: datetime | None = None,
        order_by: str | Sequence[str] = "-created_at",
        limit: int = 100,
        offset: int = 0,
    ) -> builtins.list[Record]:
        """The records that match, newest first, page by page.

        Args:
            scope: only at this scope and, if `recursive`, below it.
            recursive: whether records below the scope count.
            filter: see the guide on filters; `{"topic": "food", "@importance": {"$gte": 0.5}}`.
            kinds: only these kinds.
            tags: only records with at least one of these tags.
            threads: only messages of these threads, named by id, or by key at the scope; see
                `Memory.thread`.
            include_closed: whether facts that no longer hold, whose `valid_to` has passed, are
                among them.
            include_archived: whether archived records are.
            valid_at: only what was true at this moment, by `valid_from` and `valid_to`.
            as_of: what this memory knew at this moment: records as they were then, deleted ones
                included, as far as their history is kept.
            order_by: one or several of `id`, `key`, `kind`, `scope`, `importance`, `version`,
                `created_at`, `updated_at`, `expires_at`, each with `-` in front for descending.
                Ties are broken by id, so that paging to the end returns every match once.
            limit: at most so many.
            offset: after so many.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        selection = self._selection(
            self._wanted(scope),
            below=recursive,
            filter=filter,
            kinds=kinds,
            tags=tags,
            threads=self._thread_ids(threads, scope),
            closed=include_closed,
            archived=include_archived,
            valid_at=valid_at,
            as_of=as_of,
        )
        return self._store.reader.page(
            selection, checked_order(order_by), checked_limit(limit), checked_offset(offset)
        )

    def count(
        self,
        *,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        threads: Sequence[str] | str | None = None,
        include_closed: bool = False,
        include_archived: bool = False,
        valid_at: datetime | None = None,
        as_of: datetime | None = None,
    ) -> int:
        """How many records match; the arguments are those of `list`."""
        selection = self._selection(
            self._wanted(scope),
            below=recursive,
            filter=filter,
            kinds=kinds,
            tags=tags,
            threads=self._thread_ids(threads, scope),
            closed=include_closed,
            archived=include_archived,
            valid_at=valid_at,
            as_of=as_of,
        )
        return self._store.reader.count(selection)

    def scopes(
        self,
        *,
        scope: ScopeLike | None = None,
        depth: int | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> builtins.list[ScopeInfo]:
        """The scopes that hold records, ordered by path, each with its count.

        Args:
            scope: only this scope and those below it.
            depth: stop at so many segments from the root; what lies deeper is counted there.
            limit: at most so many.
            offset: after so many.
        """
        if depth is not None:
            checked_offset(depth, "depth")
        selection = self._selection(self._wanted(scope))
        return self._store.reader.scopes(
            selection, depth, checked_limit(limit), checked_offset(offset)
        )

    def search(
        self,
        query: str | None = None,
        *,
        vector: VectorLike | None = None,
        space: str | None = None,
        scope: ScopeLike | None = None,
        recursive: bool = True,
        filter: FilterLike = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] | str = (),
        tags: Sequence[str] | str = (),
        threads: Sequence[str] | str | None = None,
        include_closed: bool = False,
        include_archived: bool = False,
        valid_at: datetime | None = None,
        as_of: datetime | None = None,
        mode: Mode = "hybrid",
        dense_weight: float = 0.5,
        bm25: Bm25 | None = None,
        context_weights: ContextWeights | None = None,
        now: datetime | None = None,
        limit: int = 10,
        offset: int = 0,
        min_score: float | None = None,
        min_relevance: float = 0.0,
        reranker: Reranker | None = None,
        rerank_pool: int = 50,
        rerank_seconds: float | None = None,
        context: int = 0,
        unscored: bool = False,
        explain: bool = False,
    ) -> Hits:
        """The records nearest to a query in meaning and words, best first.

        Scope, filter and expiry choose the candidates before anything is ranked. A record is found
        by the very next search after its `add` returned. Exact ties are broken by newest, then id.
        In a hybrid search messages of a thread are scored with what their neighbours and their
        session say, who speaks and when; `hit.parts` tells how much that made.
        Without a query and a vector it lists what matches, newest first, with score 0.

        Args:
            query: what to look for.
            vector: its vector, if it was embedded elsewhere.
            space: the name of the space `vector` belongs to; the memory's own by default.
            scope: only at this scope and, if `recursive`, below it.
            recursive: whether records below the scope count.
            filter: as in `list`.
            kinds: only these kinds.
            tags: only records with at least one of these tags.
            threads: only messages of these threads, named by id, or by key at the scope; see
                `Memory.thread`.
            include_closed: as in `list`.
            include_archived: as in `list`.
            valid_at: as in `list`.
            as_of: as in `list`; scored exactly, never by the index.
            mode: `hybrid` fuses both lanes, `dense` ranks by cosine, `lexical` by BM25.
            dense_weight: the share of the dense lane in a hybrid score, 0 to 1.
            bm25: the parameters of BM25; `Bm25()` by default.
            context_weights: how much the context of messages counts; `ContextWeights()` by default.
            now: the moment from which `two weeks ago` in the query is reckoned, if records are
                messages of a thread; by default the present, or `as_of`.
            limit: at most so many hits.
            offset: after so many.
            min_score: only hits with at least this score.
            min_relevance: no hits at all if it is less likely than this, 0 to 1, that the best of
                them answer the query (`hits.relevance`); for hybrid searches.
            reranker: gives the best candidates new scores from their texts; see `Reranker`.
            rerank_pool: how many candidates it is given.
            rerank_seconds: how long it may take; after that the hits stay as they were.
            context: how many messages to give on either side of a hit that is a message, as its
                `context`.
            unscored: whether, with `mode="dense"`, the records that have no vector follow those
                that have one, last written first, with score 0 and without a similarity.
            explain: whether the hits carry the plan that found them, as `hits.plan`.

        Raises:
            InvalidInputError: an argument is malformed.
            ModelMismatchError: the memory's vectors are another model's, or of another length.
            EmbedderError: the embedder failed.
        """
        words = checked_query(query)
        read = self._wanted(scope)
        selection = self._selection(
            read,
            below=recursive,
            filter=filter,
            kinds=kinds,
            tags=tags,
            threads=self._thread_ids(threads, scope),
            closed=include_closed,
            archived=include_archived,
            valid_at=valid_at,
            as_of=as_of,
        )
        checked_choice(mode, ("hybrid", "dense", "lexical"), "mode")
        if space is not None:
            checked_id(space, "space")
        weight, explained = checked_weight(dense_weight), checked_flag(explain, "explain")
        whole = checked_flag(unscored, "unscored")
        parameters = checked_instance(bm25, Bm25, "bm25")
        weights = checked_instance(context_weights, ContextWeights, "context_weights")
        most, skipped = checked_limit(limit), checked_offset(offset)
        likely = checked_weight(min_relevance, "min_relevance")
        around = checked_offset(context, "context")
        least = None if min_score is None else checked_number(min_score, "min_score")
        lookup = self._store.reader.lookup(words, checked_query_vector(vector), space, mode)
        if lookup is None:
            if least is not None and least > 0:
                return Hits()
            records = self._store.reader.page(selection, ("-created_at",), most, skipped)
            listed = Hits(Hit(record=record, score=0.0) for record in records)
            return self._in_context(listed, around)
        pool = None if reranker is None else checked_pool(reranker, rerank_pool, rerank_seconds)
        found = self._store.reader.search(
            lookup,
            selection,
            scope=read[0] if len(read) == 1 and recursive else None,
            dense_weight=weight,
            now=selection.now if now is None else to_micros(now, "now"),
            limit=most if pool is None else max(pool.size, skipped + most),
            offset=skipped if pool is None else 0,
            min_score=least,
            unscored=whole and least is None,
            bm25=parameters,
            weights=weights,
        )
        if found.relevance is not None and found.relevance < likely:
            found = Hits(plan=found.plan, relevance=found.relevance)
        hits = found
        if pool is not None:
            ranked = reranked(found, words or "", pool)
            hits = Hits(ranked[skipped : skipped + most], relevance=found.relevance)
        hits.plan = found.plan if explained else None
        return self._in_context(hits, around)

    def _in_context(self, hits: Hits, number: int) -> Hits:
        """The hits, those that are messages with their neighbours."""
        if not number:
            return hits
        found = self._store.conversations.around([hit.id for hit in hits], number)
        shown = (replace(hit, context=tuple(found.get(hit.id, ()))) for hit in hits)
        return Hits(shown, plan=hits.plan, relevance=hits.relevance)
