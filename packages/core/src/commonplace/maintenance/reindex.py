"""Changing the embedder: what is in the memory's own space is embedded anew, then switched over.

The new vectors are written batch by batch into a partial space, while the memory goes on with the
old ones. When nothing is missing there, one transaction gives it the own space's name.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from commonplace.drafts import OWN_SPACE
from commonplace.errors import ConflictError, EmbedderError
from commonplace.failpoints import reach
from commonplace.ledger import PARTIAL, Census, Reached

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.embedding import OwnModel, Vectoriser
    from commonplace.ledger import Ledger, Snapshot, Space, State, Transaction

    Matrix = NDArray[np.float32]

_PATIENCE = 5
"""So often the switch waits for a moment at which nothing is left to embed."""

_LAST_FEW = 32
"""After that so many states at most are embedded in its transaction, while others wait to write."""

_EVENTS = 1_000
_DROPPED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReindexReport:
    """What a reindex did, or with `dry_run=True` would do.

    Attributes:
        identity: the embedder now.
        dimension: the length of its vectors.
        former: the embedder before, or None if there was none to replace.
        switched: whether the memory uses the new embedder now.
        kept: the name of the space that still holds the old vectors, or None.
        records: records whose content was embedded.
        versions: former states of records whose content was embedded.
        other_texts: of both, those whose old vectors were made from the texts of `embed=[...]`,
            which are not kept; the new ones are made from the content.
        given: of both, those whose old vectors the caller brought; as above.
        without: records and former states that had vectors and have no content. They have no
            vectors now and are not found by meaning any more.
        characters: the length of all content that was embedded.
        vectors: how many vectors the records have now; 0 in a dry run.
    """

    identity: str
    dimension: int
    former: str | None = None
    switched: bool = False
    kept: str | None = None
    records: int = 0
    versions: int = 0
    other_texts: int = 0
    given: int = 0
    without: int = 0
    characters: int = 0
    vectors: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return asdict(self)


def planned(ledger: Ledger, vectoriser: Vectoriser) -> ReindexReport:
    """What a reindex would do; nothing is changed."""
    with ledger.read() as snapshot:
        own = snapshot.spaces().get(OWN_SPACE)
        if own is None or vectoriser.made(own):
            return _report(vectoriser, None, Census())
        return _report(vectoriser, own, snapshot.reindexing.census(own.id))


class Reindex:
    """One reindex of one memory.

    Args:
        ledger: what is embedded anew.
        model: the memory's model, which is replaced in the end.
        vectoriser: the new one.
        now: tells the time in microseconds.
        look: raises if the memory was closed meanwhile.
        keep_old: whether the old vectors stay, in a space that has the name of their identity.
        batch: how many texts are read, embedded and written at once.
        progress: told after every batch how many states are done, and of how many.
    """

    def __init__(
        self,
        ledger: Ledger,
        model: OwnModel,
        vectoriser: Vectoriser,
        *,
        now: Callable[[], int],
        look: Callable[[], None],
        keep_old: bool,
        batch: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._vectoriser = vectoriser
        self._dimension = vectoriser.embedder.dimension  # not in a transaction: it may embed
        self._now = now
        self._look = look
        self._keep_old = keep_old
        self._batch = batch
        self._progress = progress
        self._replaced: Space | None = None
        self._done = 0
        self._total = 0

    def run(self) -> ReindexReport:
        """Begin it, or go on where it stopped; what was done, when the memory is switched over.

        Raises:
            ConflictError: another reindex took its place, or a name for a space is taken.
            EmbedderError: the new embedder failed; what was done before is kept.
        """
        reached = self._begun()
        reach("reindex.begun")
        try:
            if reached is not None:
                self._switch(reached)
        except _FinishedElsewhereError:
            reached = None
        if reached is None:
            self._model.replace(self._vectoriser, lambda: True)
        report = self._reported()
        reach("reindex.switched")
        self._drop_leftovers()
        return report

    def _begun(self) -> Reached | None:
        """How far an earlier run came, if one did; None if the own space is this embedder's."""
        with self._ledger.write() as transaction:
            own = transaction.spaces().get(OWN_SPACE)
            finished = own is not None and self._vectoriser.made(own)
            reached = self._resumed(transaction, finished=finished)
            if finished:
                return None
            if own is not None and self._keep_old:
                _check_free(transaction, own.identity)
            return reached or self._started(transaction)

    def _resumed(self, transaction: Transaction, *, finished: bool) -> Reached | None:
        """How far an earlier run came; what another embedder made is left to be dropped."""
        reached = transaction.reindexing.reached()
        if reached is None:
            return None
        spaces = {space.id: space for space in transaction.spaces().values()}
        half = spaces[reached.space_id]
        if self._vectoriser.made(half) and not finished:
            return reached
        transaction.reindexing.rename(half.id, _leftover(half))
        transaction.reindexing.forget()
        return None

    def _started(self, transaction: Transaction) -> Reached:
        embedder = self._vectoriser.embedder
        name = PARTIAL + embedder.identity
        _check_free(transaction, name)
        space = transaction.space(name, embedder.identity, self._dimension, now=self._now())
        reached = Reached(space_id=space.id, seq=transaction.head())
        transaction.reindexing.keep(reached)
        return reached

    def _switch(self, reached: Reached) -> None:
        """Embed what is missing until so little is left that the last of it can be done at once."""
        self._drop_leftovers()
        self._count(reached)
        reached = self._walked(reached, former=False)
        reached = self._walked(reached, former=True)
        for attempt in itertools.count():
            few = 0 if attempt < _PATIENCE else _LAST_FEW
            ended = functools.partial(self._ended, reached, few)
            if self._model.replace(self._vectoriser, ended):
                return
            reached = self._followed(reached)

    def _walked(self, reached: Reached, *, former: bool) -> Reached:
        """Embed every present or every former state, from where the walk stopped.

        It ends with the first batch that is not full: what is added later stands in the journal.
        """
        while states := self._next(reached, former=former):
            last = states[-1].pk
            passed = replace(reached, version=last) if former else replace(reached, record=last)
            reached = self._written(states, passed)
            if len(states) < self._batch:
                break
        return reached

    def _next(self, reached: Reached, *, former: bool) -> list[State]:
        self._look()
        after = reached.version if former else reached.record
        with self._ledger.read() as snapshot:
            if (own := snapshot.spaces().get(OWN_SPACE)) is None:
                return []
            return snapshot.reindexing.missing(
                own.id, reached.space_id, after=after, former=former, most=self._batch
            )

    def _followed(self, reached: Reached) -> Reached:
        """Embed what the journal says has changed up to now."""
        with self._ledger.read() as snapshot:
            head = snapshot.head()
        while reached.seq < head:
            self._look()
            with self._ledger.read() as snapshot:
                seq, states = _changed(snapshot, reached, most=self._batch)
            whole = len(states) < self._batch
            reached = self._written(states, replace(reached, seq=seq) if whole else reached)
        return reached

    def _written(self, states: Sequence[State], reached: Reached) -> Reached:
        """Write the vectors of states that did not change meanwhile, and how far that is."""
        made = self._made(states)
        with self._ledger.write() as transaction:
            own = self._own(transaction, reached)
            if own is not None:
                self._done += transaction.reindexing.add(own.id, reached.space_id, made)
            transaction.reindexing.keep(reached)
        reach("reindex.after_lot")
        if self._progress is not None and states:
            self._progress(self._done, max(self._total, self._done))
        return reached

    def _ended(self, reached: Reached, few: int) -> bool:
        """Embed the last few states and switch over; False if more than that are left."""
        with self._ledger.write() as transaction:
            own = self._own(transaction, reached)
            seq, states = _changed(transaction, reached, most=few + 1)
            if seq < transaction.head() or len(states) > few:
                return False
            change = transaction.reindexing
            if own is not None:
                change.add(own.id, reached.space_id, self._made(states))
                _check_free(transaction, kept := own.identity if self._keep_old else _leftover(own))
                change.rename(own.id, kept)
            reach("reindex.between_names")
            change.rename(reached.space_id, OWN_SPACE)
            change.forget()
        self._replaced = own
        return True

    def _own(self, transaction: Transaction, reached: Reached) -> Space | None:
        """The own space, if this reindex is still the one under way."""
        own = transaction.spaces().get(OWN_SPACE)
        present = transaction.reindexing.reached()
        if present is None or present.space_id != reached.space_id:
            if own is not None and self._vectoriser.made(own):
                raise _FinishedElsewhereError
            raise ConflictError(
                "a reindex to another embedder took the place of this one; let only one run, "
                "and start it again"
            )
        return own

    def _made(self, states: Sequence[State]) -> dict[State, Matrix]:
        try:
            matrices = self._vectoriser.contents_vectors([state.content for state in states])
        except EmbedderError as error:
            raise EmbedderError(
                f"{error}; what was embedded before is kept, reindex again to go on"
            ) from error
        pairs = zip(states, matrices, strict=True)
        return {state: matrix for state, matrix in pairs if matrix is not None}

    def _count(self, reached: Reached) -> None:
        """What there is to do, and what was done before."""
        if self._progress is None:
            return
        with self._ledger.read() as snapshot:
            self._done = snapshot.reindexing.done(reached.space_id)
            if (own := snapshot.spaces().get(OWN_SPACE)) is not None:
                self._total = snapshot.reindexing.census(own.id).states

    def _reported(self) -> ReindexReport:
        with self._ledger.read() as snapshot:
            own, old = snapshot.spaces().get(OWN_SPACE), self._replaced
            census = Census() if old is None else snapshot.reindexing.census(old.id)
        report = _report(self._vectoriser, old, census)
        return replace(
            report,
            switched=True,
            kept=old.identity if old is not None and self._keep_old else None,
            vectors=0 if own is None else own.vectors,
        )

    def _drop_leftovers(self) -> None:
        """Drop what was switched from, or given up; a little at a time."""
        with self._ledger.read() as snapshot:
            reached = snapshot.reindexing.reached()
            partial = [space.id for space in snapshot.spaces().values() if space.partial]
        for space_id in partial:
            if reached is None or space_id != reached.space_id:
                self._drop(space_id)

    def _drop(self, space_id: int) -> None:
        for former in (False, True):
            after: int | None = 0
            while after is not None:
                self._look()
                with self._ledger.write() as transaction:
                    after = transaction.reindexing.drop_some(
                        space_id, former=former, after=after, most=_DROPPED_AT_ONCE
                    )
        reach("reindex.before_drop")
        with self._ledger.write() as transaction:
            transaction.reindexing.drop(space_id)


class _FinishedElsewhereError(Exception):
    """Another process did the last of the same reindex."""


def _changed(snapshot: Snapshot, reached: Reached, *, most: int) -> tuple[int, list[State]]:
    """The next stretch of the journal: up to where it goes, and what it leaves to be embedded."""
    events = snapshot.reindexing.changed_ids(reached.seq, _EVENTS)
    own = snapshot.spaces().get(OWN_SPACE)
    if own is None or not events:
        return snapshot.head() if own is None else reached.seq, []
    ids = {record_id for _, record_id in events}
    return events[-1][0], snapshot.reindexing.missing_of(own.id, reached.space_id, ids, most=most)


def _check_free(transaction: Transaction, name: str) -> None:
    if name in transaction.spaces():
        raise ConflictError(
            f"there is a space named {name!r} already, so the vectors that would have that name "
            "have no place; use keep_old=False, or an embedder of another identity"
        )


def _leftover(space: Space) -> str:
    """A name for vectors that are to be dropped; it leaves that of a new attempt free."""
    return f"{PARTIAL}{space.identity}@{space.id}"


def _report(vectoriser: Vectoriser, old: Space | None, census: Census) -> ReindexReport:
    return ReindexReport(
        identity=vectoriser.embedder.identity,
        dimension=vectoriser.embedder.dimension,
        former=None if old is None else old.identity,
        records=census.records,
        versions=census.versions,
        other_texts=census.other_texts,
        given=census.given,
        without=census.without,
        characters=census.characters,
    )
