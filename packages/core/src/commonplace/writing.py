"""`Writer`: embeds what is to be written, outside any transaction, then writes it in one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.clock import from_micros
from commonplace.drafts import OWN_SPACE
from commonplace.errors import NotFoundError
from commonplace.ledger import Entry
from commonplace.superseding import supersede

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

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
    )
    from commonplace.record import Record
    from commonplace.repeats import Repeats
    from commonplace.scope import Scope

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

    def put(
        self,
        drafts: Sequence[Draft],
        *,
        if_exists: IfExists,
        dedupe: bool,
        repeats: Repeats | None = None,
    ) -> list[Record]:
        """Write all drafts or none.

        Args:
            drafts: what to write.
            if_exists: see `Memory.add`.
            dedupe: see `Memory.add`.
            repeats: what to do with those that nearly repeat a record; None writes them too.
        """
        if not drafts:
            return []

        def put(vectoriser: Vectoriser) -> list[Record]:
            own = vectoriser.own_vectors(drafts)
            with self._ledger.write() as transaction:
                now = self._clock.now()
                entries = _entries(transaction, vectoriser, drafts, own, now)
                if repeats is not None:
                    return repeats.put(transaction, entries, if_exists=if_exists, now=now)
                outcomes = transaction.put(entries, if_exists=if_exists, dedupe=dedupe, now=now)
                return [outcome.record for outcome in outcomes]

        written = self._model.use(put)
        self._written()
        return written

    def supersede(
        self,
        old_id: str,
        new: Draft | str,
        selection: Selection,
        may_write: Callable[[Scope], bool],
        *,
        reason: str | None,
        at: datetime | None,
    ) -> Record:
        """Close a record in favour of another, new or there already, and link the two."""
        drafts = [] if isinstance(new, str) else [new]

        def close(vectoriser: Vectoriser) -> Record:
            own = vectoriser.own_vectors(drafts)
            with self._ledger.write() as transaction:
                now = self._clock.now()
                moment = from_micros(now) if at is None else at
                old = _standing(transaction, old_id, selection)
                if not may_write(old.scope):
                    raise NotFoundError(f"record {old_id!r} cannot be written from this view")
                entries = [
                    replace(entry, record=_valid_from(entry.record, moment))
                    for entry in _entries(transaction, vectoriser, drafts, own, now)
                ]
                made = transaction.put(entries, if_exists="error", dedupe=False, now=now)
                later = made[0].record if made else _standing(transaction, str(new), selection)
                supersede(transaction, old, later, reason=reason, at=moment, now=now)
                return later

        later = self._model.use(close)
        self._written()
        return later

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

    def change(
        self,
        ids: Sequence[str],
        selection: Selection,
        change: Callable[[Record, datetime], Record],
        *,
        operation: str,
    ) -> list[Record]:
        """Change records without touching their texts and vectors, in one transaction.

        Args:
            ids: which; those not selected are left out.
            selection: what may be changed.
            change: the new state from the present one and the moment; the same one leaves it.
            operation: what the journal and the history call the change.

        Returns:
            The records that changed, as they now are.
        """
        changed: list[Record] = []
        with self._ledger.write() as transaction:
            now = self._clock.now()
            for record in transaction.records_by_id(ids, selection).values():
                new = change(record, from_micros(now))
                if new != record:
                    numbered = replace(new, version=record.version + 1)
                    written = transaction.revise(
                        record.id, selection, lambda _, n=numbered: n, now=now, operation=operation
                    )
                    changed += [written] if written else []
        self._written()
        return changed

    def restore(
        self, record_id: str, version: int | None, allowed: Callable[[Scope], bool]
    ) -> Record | None:
        """Write a former state again; see `Transaction.restore`."""
        with self._ledger.write() as transaction:
            now = self._clock.now()
            restored = transaction.restore(record_id, version, allowed, now=now)
        self._written()
        return restored

    def purge(self, ids: Sequence[str] | None, selection: Selection, *, before: int | None) -> int:
        """Remove former states for good; how many."""
        with self._ledger.write() as transaction:
            return transaction.former.purge(selection, ids=ids, before=before)

    def keep_cursor(self, name: str, seq: int) -> None:
        """Keep a journal entry under a name."""
        with self._ledger.write() as transaction:
            transaction.cursors.keep(name, seq)

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


def _entries(
    transaction: Transaction,
    vectoriser: Vectoriser,
    drafts: Sequence[Draft],
    own: Sequence[Matrix | None],
    now: int,
) -> list[Entry]:
    """The drafts with their vectors by space, ready to be written."""
    return [
        _entry(transaction, vectoriser, draft, matrix, now)
        for draft, matrix in zip(drafts, own, strict=True)
    ]


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


def _valid_from(record: Record, moment: datetime) -> Record:
    return record if record.valid_from else replace(record, valid_from=moment)


def _standing(transaction: Transaction, record_id: str, selection: Selection) -> Record:
    found = transaction.records_by_id([record_id], selection).get(record_id)
    if found is None:
        raise NotFoundError(f"no record {record_id!r} can be seen from this view")
    return found


def _none_of_its_own(transaction: Transaction) -> dict[int, Matrix]:
    """What replaces the vectors in the memory's own space by none."""
    own = transaction.spaces().get(OWN_SPACE)
    return {own.id: np.zeros((0, own.dimension), dtype=np.float32)} if own else {}
