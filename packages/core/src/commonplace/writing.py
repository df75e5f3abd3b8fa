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
    from commonplace.embedding import Vectoriser
    from commonplace.ledger import IfExists, Ledger, Selection, Transaction
    from commonplace.record import Record

    Matrix = NDArray[np.float32]

_SWEPT_AT_ONCE = 1000


class Writer:
    """Writes to one ledger.

    Args:
        ledger: where to.
        vectoriser: makes the vectors of the memory's own space.
        clock: tells the time.
        written: called after every transaction that changed something.
    """

    def __init__(
        self, ledger: Ledger, vectoriser: Vectoriser, clock: Clock, written: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._vectoriser = vectoriser
        self._clock = clock
        self._written = written

    def put(self, drafts: Sequence[Draft], *, if_exists: IfExists, dedupe: bool) -> list[Record]:
        """Write all drafts or none."""
        if not drafts:
            return []
        own = self._vectoriser.own_vectors(drafts)
        with self._ledger.write() as transaction:
            now = self._clock.now()
            entries = [
                self._entry(transaction, draft, matrix, now)
                for draft, matrix in zip(drafts, own, strict=True)
            ]
            outcomes = transaction.put(entries, if_exists=if_exists, dedupe=dedupe, now=now)
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
        named, content = dict(revision.vectors), revision.content
        if content is not None and "" not in named:
            matrix = self._vectoriser.texts_vectors(content, revision.embed)
            named |= {} if matrix is None else {"": matrix}
        with self._ledger.write() as transaction:
            now = self._clock.now()
            vectors = self._by_space(transaction, named, now)
            if content is not None and "" not in named:
                vectors |= _none_of_its_own(transaction)
            revised = transaction.revise(
                record_id,
                selection,
                revise,
                new_vectors=vectors,
                full_text=None if content is None else revision.embed != (),
                now=now,
            )
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

    def _entry(self, transaction: Transaction, draft: Draft, own: Matrix | None, now: int) -> Entry:
        named = {name: matrix for name, matrix in draft.vectors.items() if name}
        if own is not None:
            named[""] = own
        return Entry(
            record=draft.record,
            vectors=self._by_space(transaction, named, now),
            full_text=draft.embed != (),
            chosen_id=draft.chosen_id,
        )

    def _by_space(
        self, transaction: Transaction, named: Mapping[str, Matrix], now: int
    ) -> dict[int, Matrix]:
        found: dict[int, Matrix] = {}
        for name, matrix in named.items():
            if not name:
                self._vectoriser.check_length(matrix)
                identity, label = self._vectoriser.embedder.identity, OWN_SPACE
            else:
                identity = label = name
            space = transaction.space(label, identity, matrix.shape[1], now=now)
            found[space.id] = matrix
        return found


def _none_of_its_own(transaction: Transaction) -> dict[int, Matrix]:
    """What replaces the vectors in the memory's own space by none."""
    own = transaction.spaces().get(OWN_SPACE)
    return {own.id: np.zeros((0, own.dimension), dtype=np.float32)} if own else {}
