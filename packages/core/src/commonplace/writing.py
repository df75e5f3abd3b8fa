"""`Writer`: embeds what is to be written, outside any transaction, then writes it in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonplace.drafts import OWN_SPACE
from commonplace.ledger import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from commonplace.clock import Clock
    from commonplace.drafts import Draft, Revision
    from commonplace.embedding import OwnModel, Vectoriser
    from commonplace.ledger import (
        IfExists,
        Ledger,
        Origin,
        Selection,
        Transaction,
        Written,
    )
    from commonplace.record import Record

    Matrix = NDArray[np.float32]

_SWEPT_AT_ONCE = 1000


class Writer:
    """Writes to one ledger.

    Args:
        ledger: where to.
        model: makes the vectors of the memory's own space.
        clock: tells the time.
        written: called after every transaction that changed something.
    """

    def __init__(
        self, ledger: Ledger, model: OwnModel, clock: Clock, written: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._clock = clock
        self._written = written

    def put(self, drafts: Sequence[Draft], *, if_exists: IfExists, dedupe: bool) -> list[Record]:
        """Write all drafts or none."""
        if not drafts:
            return []

        def put(vectoriser: Vectoriser) -> list[Written]:
            own = vectoriser.own_vectors(drafts)
            with self._ledger.write() as transaction:
                now = self._clock.now()
                entries = [
                    _entry(transaction, vectoriser, draft, matrix, now)
                    for draft, matrix in zip(drafts, own, strict=True)
                ]
                return transaction.put(entries, if_exists=if_exists, dedupe=dedupe, now=now)

        outcomes = self._model.use(put)
        self._written()
        return [outcome.record for outcome in outcomes]

    def revise(
        self,
        record_id: str,
        selection: Selection,
        revise: Callable[[Record], Record],
        revision: Revision,
    ) -> Record | None:
        """Change one record; None if the selection does not hold it."""
        content = revision.content
        embedded = content is not None and "" not in revision.vectors

        def rewrite(vectoriser: Vectoriser) -> Record | None:
            named = dict(revision.vectors)
            if content is not None and embedded:
                matrix = vectoriser.texts_vectors(content, revision.embed)
                named |= {} if matrix is None else {"": matrix}
            with self._ledger.write() as transaction:
                now = self._clock.now()
                vectors, origins = _by_space(transaction, vectoriser, named, _origin(revision), now)
                if embedded and "" not in named:
                    vectors |= _none_of_its_own(transaction)
                return transaction.revise(
                    record_id,
                    selection,
                    revise,
                    new_vectors=vectors,
                    origins=origins,
                    full_text=None if content is None else revision.embed != (),
                    now=now,
                )

        revised = self._model.use(rewrite)
        self._written()
        return revised

    def delete(self, ids: Sequence[str] | None, selection: Selection) -> int:
        """Delete the selected records, or those of them with these ids; how many."""
        with self._ledger.write() as transaction:
            if ids is None:
                pks = transaction.pks(selection).tolist()
            else:
                named = transaction.pks_by_id(ids).values()
                pks = [pk for pk, _, _ in transaction.allowed(named, selection)]
            removed = transaction.remove(pks, operation="delete", now=self._clock.now())
        self._written()
        return removed

    def sweep(self, selection: Selection) -> int:
        """Remove the expired records in the selected scopes, some at a time; how many."""
        removed = 0
        while True:
            with self._ledger.write() as transaction:
                flat = transaction.flattened(selection)
                pks = transaction.expired(flat, limit=_SWEPT_AT_ONCE).tolist()
                removed += transaction.remove(pks, operation="expire", now=selection.now)
            if len(pks) < _SWEPT_AT_ONCE:
                self._written()
                return removed


def _entry(
    transaction: Transaction, vectoriser: Vectoriser, draft: Draft, own: Matrix | None, now: int
) -> Entry:
    named = {name: matrix for name, matrix in draft.vectors.items() if name}
    if own is not None:
        named[""] = own
    vectors, origins = _by_space(transaction, vectoriser, named, _origin(draft), now)
    return Entry(
        record=draft.record,
        vectors=vectors,
        origins=origins,
        full_text=draft.embed != (),
        chosen_id=draft.chosen_id,
    )


def _by_space(
    transaction: Transaction,
    vectoriser: Vectoriser,
    named: Mapping[str, Matrix],
    origin: Origin,
    now: int,
) -> tuple[dict[int, Matrix], dict[int, Origin]]:
    """Vectors by space id, and what those in the memory's own space were made from."""
    found: dict[int, Matrix] = {}
    origins: dict[int, Origin] = {}
    for name, matrix in named.items():
        if name:
            space = transaction.space(name, name, matrix.shape[1], now=now)
        else:
            vectoriser.check_length(matrix)
            identity = vectoriser.embedder.identity
            space = transaction.space(OWN_SPACE, identity, matrix.shape[1], now=now)
            origins[space.id] = origin
        found[space.id] = matrix
    return found, origins


def _origin(given: Draft | Revision) -> Origin:
    if "" in given.vectors:
        return "caller"
    return "content" if given.embed is None else "texts"


def _none_of_its_own(transaction: Transaction) -> dict[int, Matrix]:
    """What replaces the vectors in the memory's own space by none."""
    own = transaction.spaces().get(OWN_SPACE)
    return {own.id: np.zeros((0, own.dimension), dtype=np.float32)} if own else {}
