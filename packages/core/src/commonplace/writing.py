"""`Writer`: embeds what is to be written, outside any transaction, then writes it in one.

Middleware runs first, also outside: it changes or refuses drafts and revisions before they are
embedded, so that what it takes out reaches neither the embedder nor a file.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonplace.clock import from_micros
from commonplace.drafts import OWN_SPACE, check_validity
from commonplace.errors import ConflictError, NotFoundError
from commonplace.failpoints import reach
from commonplace.ledger import Entry
from commonplace.record import Link
from commonplace.rollback import roll_back
from commonplace.superseding import check_open, supersede

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
    from commonplace.middleware import Chain
    from commonplace.record import Record
    from commonplace.repeats import Repeats
    from commonplace.rollback import RollBack, Wrong
    from commonplace.scope import Scope

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
        model: makes the vectors of the memory's own space.
        chain: changes or refuses what is to be written, and what is given back.
        clock: tells the time.
        written: called after every transaction that changed something.
    """

    def __init__(
        self,
        ledger: Ledger,
        model: OwnModel,
        chain: Chain,
        clock: Clock,
        written: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._model = model
        self._chain = chain
        self._clock = clock
        self._written = written

    def put(
        self,
        drafts: Sequence[Draft],
        *,
        if_exists: IfExists,
        dedupe: bool,
        repeats: Repeats | None = None,
        linked: tuple[str, Sequence[str]] | None = None,
    ) -> list[Record]:
        """Write all drafts or none.

        Args:
            drafts: what to write.
            if_exists: see `Memory.add`.
            dedupe: see `Memory.add`.
            repeats: what to do with those that nearly repeat a record; None writes them too.
            linked: a type of link, and the records to which each that is written gets one.
        """
        if not drafts:
            return []

        def put(transaction: Transaction, ready: Sequence[Entry], now: int) -> list[Record]:
            if repeats is not None:
                return repeats.put(transaction, ready, if_exists=if_exists, now=now)
            outcomes = transaction.put(ready, if_exists=if_exists, dedupe=dedupe, now=now)
            written = [outcome.record for outcome in outcomes]
            if linked is not None:
                transaction.links.put_again(_links(written, *linked, now=now), now=now)
            return written

        return self._write(self._passed(drafts), put)

    def put_whole(self, drafts: Sequence[Draft], allowed: Callable[[Scope], bool]) -> list[Record]:
        """Write all drafts or none, each new or in place of the record with its id.

        Args:
            drafts: what to write.
            allowed: whether a record that lies at a scope may be replaced.
        """
        if not drafts:
            return []
        passed = self._passed(drafts)

        def put(transaction: Transaction, ready: Sequence[Entry], now: int) -> list[Record]:
            blank = _none_of_its_own(transaction)
            whole = [
                replace(entry, vectors={**blank, **entry.vectors}) if draft.embed is None else entry
                for draft, entry in zip(passed, ready, strict=True)
            ]
            return transaction.put_whole(whole, allowed, now=now)

        return self._write(passed, put)

    def note_reading(
        self, ids: Sequence[str], selection: Selection, *, app: str, at: datetime
    ) -> int:
        """Note in the values of the selected records when they were last shown; how many."""
        with self._ledger.write() as transaction:
            return transaction.note_reading(ids, selection, app=app, at=at)

    def exchange(
        self, drafts: Sequence[Draft], gone: Sequence[str], selection: Selection
    ) -> list[Record]:
        """Remove selected records and write others, in one transaction.

        A record that is removed and written again keeps its links.

        Returns:
            The written records.
        """

        def exchange(transaction: Transaction, ready: Sequence[Entry], now: int) -> list[Record]:
            pks = transaction.selected_ids(gone, selection)
            links = transaction.links.of_records([one.id for one in transaction.records(pks)])
            transaction.remove(pks, operation="delete", now=now)
            outcomes = transaction.put(ready, if_exists="replace", dedupe=False, now=now)
            transaction.links.put_again(links, now=now)
            return [outcome.record for outcome in outcomes]

        return self._write(self._passed(drafts), exchange)

    def renew(self, expiries: Mapping[str, int | None], selection: Selection) -> int:
        """Put off when selected records expire; how many there were."""
        with self._ledger.write() as transaction:
            return transaction.renew(expiries, selection)

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

        def close(transaction: Transaction, ready: Sequence[Entry], now: int) -> list[Record]:
            moment = from_micros(now) if at is None else at
            old = _standing(transaction, old_id, selection)
            if not may_write(old.scope):
                raise NotFoundError(f"record {old_id!r} cannot be written from this view")
            new_id = new if isinstance(new, str) else None
            check_open(transaction, old, new_id, selection, at=moment)
            dated = [replace(one, record=_valid_from(one.record, moment)) for one in ready]
            made = transaction.put(dated, if_exists="error", dedupe=False, now=now)
            later = made[0].record if made else _successor(transaction, str(new), selection)
            if not may_write(later.scope):
                raise NotFoundError(f"record {later.id!r} cannot be written from this view")
            supersede(transaction, old, later, reason=reason, at=moment, now=now)
            return [later]

        return self._write([] if isinstance(new, str) else self._passed([new]), close)[0]

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

        def work(vectoriser: Vectoriser) -> Record | None:
            return self._revise(vectoriser, record_id, selection, check, revision)

        revised = self._model.use(work)
        self._written()
        return None if revised is None else self._chain.read(revised)

    def _passed(self, drafts: Sequence[Draft]) -> list[Draft]:
        """The drafts as middleware lets them be written."""
        return [self._chain.draft(draft) for draft in drafts]

    def _write(
        self,
        passed: Sequence[Draft],
        write: Callable[[Transaction, Sequence[Entry], int], list[Record]],
    ) -> list[Record]:
        """Embed drafts, and write them as `write` does, in one transaction."""

        def work(vectoriser: Vectoriser) -> list[Record]:
            own = vectoriser.own_vectors(passed)
            with self._ledger.write() as transaction:
                now = self._clock.now()
                ready = entries(transaction, vectoriser, passed, own, now)
                return write(transaction, ready, now)

        written = self._model.use(work)
        self._written()
        return [self._chain.read(record) for record in written]

    def _revise(
        self,
        vectoriser: Vectoriser,
        record_id: str,
        selection: Selection,
        check: Callable[[Record], None],
        revision: Revision,
    ) -> Record | None:
        embed = functools.cache(vectoriser.texts_vectors)  # a new try embeds nothing twice
        if not (self._chain.writes or revision.lacks_content):
            return self._revised(vectoriser, record_id, selection, check, revision, embed)
        for _ in range(_TRIES):
            with self._ledger.read() as snapshot:
                seen = snapshot.records_by_id([record_id], selection).get(record_id)
                searched = snapshot.has_text(record_id)
            if seen is None:
                return None
            check(seen)
            whole = revision.about(seen)
            passed = self._chain.revision(whole, whole.applied(seen))
            # A record that was kept out of search stays out when only middleware changes it.
            follow = searched or whole.content is not None
            with contextlib.suppress(_StaleError):
                return self._revised(
                    vectoriser,
                    record_id,
                    selection,
                    _unless_changed(seen, check),
                    passed,
                    embed if follow else None,
                )
        raise ConflictError(f"record {record_id!r} is changed by others all the time; try again")

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
        return [self._chain.read(record) for record in changed]

    def restore(
        self, record_id: str, version: int | None, allowed: Callable[[Scope], bool]
    ) -> Record | None:
        """Write a former state again; see `Transaction.restore`."""
        with self._ledger.write() as transaction:
            now = self._clock.now()
            restored = transaction.restore(record_id, version, allowed, now=now)
        self._written()
        return None if restored is None else self._chain.read(restored)

    def roll_back(
        self, selection: Selection, wrong: Wrong, allowed: Callable[[Scope], bool]
    ) -> RollBack:
        """Undo what is wrong, in one transaction; see `Memory.roll_back`."""
        with self._ledger.write() as transaction:
            report = roll_back(transaction, selection, wrong, allowed, now=self._clock.now())
        self._written()
        return report

    def purge(self, ids: Sequence[str] | None, selection: Selection, *, before: int | None) -> int:
        """Remove former states for good; how many."""
        with self._ledger.write() as transaction:
            return transaction.former.purge(selection, ids=ids, before=before)

    def set_quota(self, scope: Scope, records: int | None) -> None:
        """Say how many records a scope may hold; None for any number."""
        with self._ledger.write() as transaction:
            transaction.set_quota(scope, records)

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
            reach("sweep.after_lot")
            if len(pks) < _SWEPT_AT_ONCE:
                self._written()
                return removed

    def _revised(
        self,
        vectoriser: Vectoriser,
        record_id: str,
        selection: Selection,
        check: Callable[[Record], None],
        revision: Revision,
        embed: Embed | None,
    ) -> Record | None:
        """Write a revision; vectors and full text follow new content unless `embed` is None."""
        named = dict(revision.vectors)
        content = None if embed is None else revision.content
        embedded = content is not None and "" not in named
        if embed is not None and content is not None and embedded:
            matrix = embed(content, revision.embed)
            named |= {} if matrix is None else {"": matrix}

        def revise(record: Record) -> Record:
            check(record)
            return revision.applied(record)

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


def _links(
    records: Sequence[Record], type_: str, targets: Sequence[str], *, now: int
) -> list[Link]:
    return [
        Link(source_id=record.id, target_id=target, type=type_, created_at=from_micros(now))
        for record in records
        for target in targets
    ]


def entries(
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
    if record.valid_from is not None:
        return record
    begun = replace(record, valid_from=moment)
    check_validity(begun)
    return begun


def _standing(transaction: Transaction, record_id: str, selection: Selection) -> Record:
    found = transaction.records_by_id([record_id], selection).get(record_id)
    if found is None:
        raise NotFoundError(f"no record {record_id!r} can be seen from this view")
    return found


def _successor(transaction: Transaction, record_id: str, selection: Selection) -> Record:
    found = transaction.records_by_id([record_id], selection).get(record_id)
    if found is None:  # what was given may be a text: it is not repeated
        raise NotFoundError(
            "`new` is not the id of a record that can be seen from this view; "
            "to write a new record, pass a dict of its fields: {'content': ...}"
        )
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
