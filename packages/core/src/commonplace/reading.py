"""`Reader`: everything that a memory reads from its ledger.

Every record leaves through `Chain.read`, after the transaction: middleware may take its time.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from commonplace.analytics import WIDTHS
from commonplace.drafts import OWN_SPACE
from commonplace.errors import InvalidInputError, ModelMismatchError
from commonplace.ledger import ScopeList, ScopePattern, check_space
from commonplace.record import Hits, Version
from commonplace.rollback import planned
from commonplace.search import Bm25, ContextWeights, DenseQuery, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.analytics import Bucket, Counted
    from commonplace.embedding import OwnModel, Vectoriser
    from commonplace.ledger import Ledger, Selection, Snapshot, Space
    from commonplace.middleware import Chain
    from commonplace.quotas import Quota
    from commonplace.record import Event, Record, ScopeInfo
    from commonplace.rollback import RollBack, Wrong
    from commonplace.scope import Scope
    from commonplace.search import Mode, Searcher

    Vector = NDArray[np.float32]

T = TypeVar("T")

_CHANGES_AT_ONCE = 1000


class Lookup(NamedTuple):
    """What a search looks for, and how."""

    words: str | None
    vector: Vector | None
    space: str | None
    mode: Mode


class Findable(NamedTuple):
    """The vectors of a record by the name of their space, and whether its words find it."""

    vectors: dict[str, NDArray[np.float32]]
    by_words: bool


class Reader:
    """Reads one ledger.

    Args:
        ledger: what is read.
        model: makes the vectors of queries.
        chain: changes every record on its way out.
        searcher: runs the searches.
    """

    def __init__(self, ledger: Ledger, model: OwnModel, chain: Chain, searcher: Searcher) -> None:
        self._ledger = ledger
        self._model = model
        self._chain = chain
        self._searcher = searcher
        self._spaces: dict[str, Space] = {}
        self._scope_list = ScopeList()

    def by_id(self, ids: Sequence[str], selection: Selection) -> dict[str, Record]:
        """The selected records with these ids, by id."""
        found = self._ask(
            len(ids), selection.as_of, lambda snapshot: snapshot.records_by_id(ids, selection)
        )
        return {name: self._chain.read(record) for name, record in found.items()}

    def histogram(self, selection: Selection, bucket: Bucket) -> list[Counted]:
        """How many of the selected records were made in each span that a timeline counts by."""
        with self._ledger.read() as snapshot:
            return snapshot.histogram(selection, WIDTHS[bucket])

    def findable(self, record_id: str) -> Findable:
        """How a record is found, for a copy that is to be found alike."""
        with self._ledger.read() as snapshot:
            pks = list(snapshot.pks_by_id([record_id]).values())
            found = {
                space.name: snapshot.vectors(space, pks)[1]
                for space in snapshot.searchable_spaces().values()
            }
            searched = snapshot.has_text(record_id)
        return Findable({name: matrix for name, matrix in found.items() if len(matrix)}, searched)

    def by_content(self, content: str, selection: Selection) -> list[Record]:
        """The selected records with exactly this content, newest first."""
        with self._ledger.read() as snapshot:
            found = snapshot.records(snapshot.same_content(content, selection))
        return [self._chain.read(record) for record in found]

    def own_model(self) -> tuple[str, int] | None:
        """The model that made the vectors of the memory's own space, and their length."""
        with self._ledger.read() as snapshot:
            space = snapshot.spaces().get(OWN_SPACE)
        return None if space is None else (space.identity, space.dimension)

    def head(self) -> int:
        """The newest entry of the journal."""
        with self._ledger.read() as snapshot:
            return snapshot.head()

    def cursor(self, name: str) -> int | None:
        """The journal entry kept under a name."""
        with self._ledger.read() as snapshot:
            return snapshot.cursors.position(name)

    def changed_ids(self, after: int, until: int, selection: Selection) -> Iterator[str]:
        """The ids that the journal of the selected scopes names between two entries, each once."""
        seen: set[str] = set()
        while after < until:
            with self._ledger.read() as snapshot:
                events = snapshot.journal.events(
                    selection.scope_ids, (), after=after, upto=until, limit=_CHANGES_AT_ONCE
                )
            for event in events:
                if event.record_id not in seen:
                    seen.add(event.record_id)
                    yield event.record_id
            after = events[-1].seq if events else until

    def history(self, record_id: str, selection: Selection) -> list[Version]:
        """The states of a record within the selected scopes, oldest first."""
        with self._ledger.read() as snapshot:
            former = snapshot.former_states(record_id, selection)
            present = snapshot.records_by_id([record_id], selection).values()
        states = [*former, *(Version(record=record) for record in present)]
        return [replace(state, record=self._chain.read(state.record)) for state in states]

    def roll_back(
        self, selection: Selection, wrong: Wrong, allowed: Callable[[Scope], bool]
    ) -> RollBack:
        """What undoing what is wrong would do."""
        with self._ledger.read() as snapshot:
            return planned(snapshot, selection, wrong, allowed)

    def former_count(
        self, ids: Sequence[str] | None, selection: Selection, *, before: int | None
    ) -> int:
        """How many former states lay in the selected scopes, or those of these records."""
        with self._ledger.read() as snapshot:
            return snapshot.former_count(selection, ids=ids, before=before)

    def by_key(self, key: str, selection: Selection) -> Record | None:
        """The selected record with this key; the selection is of one scope, not below it."""
        if not selection.scope_ids:
            return None
        found = self._ask(1, selection.as_of, lambda snapshot: snapshot.by_key(key, selection))
        return None if found is None else self._chain.read(found)

    def by_keys(
        self, places: Sequence[tuple[Scope, str]], *, now: int, as_of: int | None
    ) -> list[Record | None]:
        """The records with these keys, each at its scope; None for each there is not."""
        found = self._ask(len(places), as_of, lambda snapshot: snapshot.records_by_key(places, now))
        if not self._chain.reads:
            return found
        return [None if record is None else self._chain.read(record) for record in found]

    def find_scopes(
        self,
        base: Scope,
        *,
        prefix: tuple[str, ...],
        suffix: tuple[str, ...],
        depth: int | None,
        limit: int,
        offset: int,
        now: int,
    ) -> list[Scope]:
        """The scopes at and below a base that hold records and match; see `Memory.find_scopes`."""
        pattern = ScopePattern(base.segments, prefix, suffix, depth)
        with self._ledger.read() as snapshot:
            return self._scope_list.find(snapshot, pattern, limit=limit, offset=offset, now=now)

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

    def tags(self, selection: Selection) -> dict[str, int]:
        """How many of the selected records carry each tag."""
        with self._ledger.read() as snapshot:
            return snapshot.tags(selection)

    def scopes(
        self, selection: Selection, depth: int | None, limit: int, offset: int
    ) -> list[ScopeInfo]:
        """The selected scopes that hold records."""
        with self._ledger.read() as snapshot:
            return snapshot.scope_infos(selection, depth, limit, offset)

    def quotas(self) -> list[Quota]:
        """The quotas of scopes, by path."""
        with self._ledger.read() as snapshot:
            return snapshot.quotas()

    def events(
        self, selection: Selection, operations: Sequence[str], *, after: int, limit: int
    ) -> list[Event]:
        """The journal of the selected scopes, oldest first."""
        with self._ledger.read() as snapshot:
            return snapshot.journal.events(
                selection.scope_ids, operations, after=after, limit=limit
            )

    def lookup(
        self, words: str | None, vector: Vector | None, space: str | None, mode: Mode
    ) -> Lookup | None:
        """What to look for; None if there is neither query nor vector.

        Raises:
            InvalidInputError: the mode lacks what it needs.
        """
        if words is None and vector is None:
            return None
        if mode == "lexical" and words is None:
            raise InvalidInputError("mode='lexical' needs a query in words")
        return Lookup(words, vector, space, mode)

    def search(
        self,
        lookup: Lookup,
        selection: Selection,
        *,
        scope: Scope | None,
        dense_weight: float,
        now: int = 0,
        limit: int,
        offset: int,
        min_score: float | None,
        unscored: bool = False,
        bm25: Bm25 | None = None,
        weights: ContextWeights | None = None,
    ) -> Hits:
        """The hits of one page.

        Raises:
            InvalidInputError: a query in words for a space that is not the memory's own.
            ModelMismatchError: the vector or the embedder is not that of the space.
        """
        request = Request(
            selection=selection,
            scope=scope,
            words=None if lookup.mode == "dense" else lookup.words,
            dense=None,
            dense_weight=dense_weight,
            bm25=bm25 or Bm25(),
            context=weights or ContextWeights(),
            now=now,
            limit=limit,
            offset=offset,
            min_score=min_score,
            unscored=unscored and lookup.mode == "dense",
        )
        if lookup.mode == "lexical":
            hits = self._searcher.search(request)
        else:
            hits = self._model.use(lambda vectoriser: self._nearest(vectoriser, lookup, request))
        if not self._chain.reads:
            return hits
        shown = (replace(hit, record=self._chain.read(hit.record)) for hit in hits)
        return Hits(shown, plan=hits.plan, relevance=hits.relevance)

    def _nearest(self, vectoriser: Vectoriser, lookup: Lookup, request: Request) -> Hits:
        try:
            dense = self._dense(vectoriser, lookup)
            embed = None
            if lookup.vector is None and lookup.space in {None, OWN_SPACE}:
                embed = functools.partial(self._other, vectoriser, lookup)
            return self._searcher.search(replace(request, dense=dense, embed=embed))
        except ModelMismatchError:
            self._spaces.clear()  # a reindex put another space in the place of one
            raise

    def _ask(self, records: int, as_of: int | None, ask: Callable[[Snapshot], T]) -> T:
        """Read so many records by name: of one, a transaction costs as much as the read."""
        if records == 1 and as_of is None:
            return self._ledger.glance(ask)
        with self._ledger.read(as_of=as_of) as snapshot:
            return ask(snapshot)

    def _dense(self, vectoriser: Vectoriser, lookup: Lookup) -> DenseQuery | None:
        if lookup.space is not None and lookup.space != OWN_SPACE:
            return self._foreign(lookup.space, lookup.vector)
        found = self._own(vectoriser)
        if lookup.vector is not None:
            vectoriser.check_length(lookup.vector.reshape(1, -1))
        if found is None:
            return None
        given = lookup.vector
        return DenseQuery(found, vectoriser.query(lookup.words or "") if given is None else given)

    def _other(self, vectoriser: Vectoriser, lookup: Lookup, words: str) -> DenseQuery | None:
        return self._dense(vectoriser, lookup._replace(words=words))

    def _own(self, vectoriser: Vectoriser) -> Space | None:
        found = self._space(OWN_SPACE)
        if found is not None and not vectoriser.made(found):
            self._spaces.clear()  # what is remembered may be what a reindex replaced
            found = self._space(OWN_SPACE)
            vectoriser.check(found)
        return found

    def _space(self, name: str) -> Space | None:
        """The space of this name, as it was when it was first asked for.

        It may have been replaced since; the search sees that in the snapshot that it reads.
        """
        if name not in self._spaces:
            with self._ledger.read() as snapshot:
                self._spaces |= snapshot.searchable_spaces()
        return self._spaces.get(name)

    def _foreign(self, name: str, vector: Vector | None) -> DenseQuery | None:
        if vector is None:
            raise InvalidInputError(
                f"space {name!r} is searched by vector=; this memory cannot embed for it"
            )
        if (found := self._space(name)) is None:
            return None
        check_space(found, found.identity, len(vector))
        return DenseQuery(found, vector)
