"""`Writer`: embeds what is to be written, outside any transaction, then writes it in one.

Middleware runs first, also outside: it changes or refuses drafts and revisions before they are
embedded, so that what it takes out reaches neither the embedder nor a file.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

import numpy as np

from commonplace.embedding import OWN_SPACE
from commonplace.errors import ConflictError
from commonplace.ledger import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from commonplace.clock import Clock
    from commonplace.drafts import Draft, Revision
    from commonplace.embedding import Vectoriser
    from commonplace.ledger import IfExists, Ledger, Selection, Transaction
    from commonplace.middleware import Chain
    from commonplace.record import Record

    Matrix = NDArray[np.float32]
    Embed = Callable[[str, tuple[str, ...] | None], Matrix | None]

_SWEPT_AT_ONCE = 1000
_TRIES = 100


class _StaleError(Exception):
    """The record is no longer in the state that middleware saw."""


class Writer:
    """Writes to one ledger.

    Args:
        ledger: where to.
        vectoriser: makes the vectors of the memory's own space.
        chain: changes or refuses what is to be written, and what is given back.
        clock: tells the time.
        written: called after every transaction that changed something.
    """

    def __init__(
        self,
        ledger: Ledger,
        vectoriser: Vectoriser,
        chain: Chain,
        clock: Clock,
        written: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._vectoriser = vectoriser
        self._chain = chain
        self._clock = clock
        self._written = written

    def put(self, drafts: Sequence[Draft], *, if_exists: IfExists, dedupe: bool) -> list[Record]:
        """Write all drafts or none."""
        if not drafts:
            return []
        drafts = [self._chain.draft(draft) for draft in drafts]
        own = self._vectoriser.own_vectors(drafts)
        with self._ledger.write() as transaction:
            now = self._clock.now()
            entries = [
                self._entry(transaction, draft, matrix, now)
                for draft, matrix in zip(drafts, own, strict=True)
            ]
            outcomes = transaction.put(entries, if_exists=if_exists, dedupe=dedupe, now=now)
        self._written()
        return [self._chain.read(outcome.record) for outcome in outcomes]

    def revise(
        self,
        record_id: str,
        selection: Selection,
        check: Callable[[Record], None],
        revision: Revision,
    ) -> Record | None:
        """Change one record; None if the selection does not hold it.

        Middleware looks at the new state, which takes the present one: that is read first, and
        where it is no longer present when the change is written, all begins anew.

        Args:
            record_id: which.
            selection: what may be touched.
            check: refuses a present state by raising.
            revision: the changes.

        Raises:
            ConflictError: others changed the record again and again in between.
        """
        embed = functools.cache(self._vectoriser.texts_vectors)  # a new try embeds nothing twice
        if not self._chain.writes:
            return self._revised(record_id, selection, check, revision, embed)
        for _ in range(_TRIES):
            with self._ledger.read() as snapshot:
                seen = snapshot.records_by_id([record_id], selection).get(record_id)
                searched = snapshot.has_text(record_id)
            if seen is None:
                return None
            check(seen)
            passed = self._chain.revision(revision, revision.applied(seen))
            # A record that was kept out of search stays out when only middleware changes it.
            follow = searched or revision.content is not None
            with contextlib.suppress(_StaleError):
                return self._revised(
                    record_id,
                    selection,
                    _unless_changed(seen, check),
                    passed,
                    embed if follow else None,
                )
        raise ConflictError(f"record {record_id!r} is changed by others all the time; try again")

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

    def _revised(
        self,
        record_id: str,
        selection: Selection,
        check: Callable[[Record], None],
        revision: Revision,
        embed: Embed | None,
    ) -> Record | None:
        """Write a revision; vectors and full text follow new content unless `embed` is None."""
        named = dict(revision.vectors)
        content = None if embed is None else revision.content
        if embed is not None and content is not None and "" not in named:
            matrix = embed(content, revision.embed)
            named |= {} if matrix is None else {"": matrix}

        def revise(record: Record) -> Record:
            check(record)
            return revision.applied(record)

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
        return None if revised is None else self._chain.read(revised)

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
            if name in {"", OWN_SPACE}:
                self._vectoriser.check_length(matrix)
                identity, label = self._vectoriser.embedder.identity, OWN_SPACE
            else:
                identity = label = name
            space = transaction.space(label, identity, matrix.shape[1], now=now)
            found[space.id] = matrix
        return found


def _unless_changed(seen: Record, check: Callable[[Record], None]) -> Callable[[Record], None]:
    def unchanged(record: Record) -> None:
        check(record)
        if (record.version, record.updated_at) != (seen.version, seen.updated_at):
            raise _StaleError

    return unchanged


def _none_of_its_own(transaction: Transaction) -> dict[int, Matrix]:
    """What replaces the vectors in the memory's own space by none."""
    own = transaction.spaces().get(OWN_SPACE)
    return {own.id: np.zeros((0, own.dimension), dtype=np.float32)} if own else {}
