"""`Repeats`: what becomes of a record that nearly repeats one of its scope."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from commonplace.clock import from_micros
from commonplace.drafts import OWN_SPACE, later_expiry
from commonplace.ledger import Selection
from commonplace.parts import checked_parts
from commonplace.superseding import supersede

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from commonplace.ledger import Entry, IfExists, Space, Transaction
    from commonplace.record import Record, Source

ROUNDING = 1e-6
"""By how much rounding may lower the cosine of equal vectors."""
OnDuplicate = Literal["keep", "skip", "merge", "supersede"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """How near-duplicates are treated as they are written.

    Attributes:
        action: `skip` leaves the old record as it is, `merge` puts the new one into it,
            `supersede` writes the new one and closes the old one.
        least: from which cosine on two records of one scope and kind say the same; None for equal
            texts alone.
    """

    action: Literal["skip", "merge", "supersede"]
    least: float | None

    def put(
        self, transaction: Transaction, entries: Sequence[Entry], *, if_exists: IfExists, now: int
    ) -> list[Record]:
        """Write entries one after the other, so that those of one batch are compared too.

        Returns:
            The record that each became, as it is after the last.
        """
        written = [self._put(transaction, entry, if_exists, now) for entry in entries]
        everything = Selection.everything(now=now)
        last = transaction.records_by_id([record.id for record in written], everything)
        return [last.get(record.id, record) for record in written]

    def _put(self, transaction: Transaction, entry: Entry, if_exists: IfExists, now: int) -> Record:
        old = self._repeated(transaction, entry, now)
        if old is not None and self.action == "skip":
            return old
        if old is not None and self.action == "merge":
            return _merged(transaction, old, entry, now)
        new = transaction.put([entry], if_exists=if_exists, dedupe=False, now=now)[0].record
        if old is not None and old.id != new.id:
            at = max(from_micros(now), old.valid_from or from_micros(now))
            supersede(transaction, old, new, reason="it nearly repeats it", at=at, now=now)
        return new

    def _repeated(self, transaction: Transaction, entry: Entry, now: int) -> Record | None:
        """The record that says the same, the most alike of several; None if there is none.

        Records without a text do not say the same by that, and none repeats the one it replaces.
        """
        selection = Selection(
            scope_ids=transaction.scope_ids([entry.record.scope]),
            below=False,
            kinds=(entry.record.kind,),
            now=now,
            closed=False,
            archived=False,
        )
        content = entry.record.content
        same = transaction.same_content(content, selection) if content.strip() else []
        space = transaction.spaces().get(OWN_SPACE)
        pks = same or (self._alike(transaction, entry, space, selection) if space else [])
        for record in transaction.records(pks):
            if not _replaced(record, entry.record):
                return record
        return None

    def _alike(
        self, transaction: Transaction, entry: Entry, space: Space, selection: Selection
    ) -> list[int]:
        """The records whose only vector is near the entry's only one, nearest first."""
        own = entry.vectors.get(space.id)
        if self.least is None or own is None or len(own) != 1 or not selection.scope_ids:
            return []
        pks, matrix = transaction.vectors_in_scope(space, selection.scope_ids[0])
        single, counts = np.unique(pks, return_counts=True)
        cosine = np.where(np.isin(pks, single[counts == 1]), _cosines(matrix, own[0]), -1.0)
        near = [
            int(n) for n in np.argsort(-cosine, kind="stable") if cosine[n] >= self.least - ROUNDING
        ]
        seen = {pk for pk, _, _ in transaction.allowed(pks[near].tolist(), selection)}
        return [pk for pk in pks[near].tolist() if pk in seen]


def _replaced(old: Record, new: Record) -> bool:
    return old.id == new.id or (new.key is not None and old.key == new.key)


def _cosines(matrix: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(matrix, axis=1).astype(np.float64) * np.linalg.norm(vector)
    return np.divide(matrix @ vector, lengths, out=np.zeros(len(matrix)), where=lengths > 0)


def _source_of_both(old: Record, new: Record) -> Source:
    """Who says what a merged record says: who wrote its text; as trusted as the less trusted.

    Where the old value stays, its app does, too: it says how the value reads.
    """
    keeps = old.value is not None and new.value is None
    writer = old.source.changed_by(new.source) if keeps else new.source
    first, second = old.source.trust, new.source.trust
    least = None if first is None or second is None else min(first, second)
    return replace(writer, trust=least)


def _merged(transaction: Transaction, old: Record, entry: Entry, now: int) -> Record:
    """The old record with what the new one says: its text, and the tags and metadata of both.

    Raises:
        LimitExceededError: that is too much for one record.
    """
    new = entry.record
    both = {"tags": (*old.tags, *new.tags), "metadata": {**old.metadata, **new.metadata}}
    merged = replace(
        old,
        **checked_parts(both),
        content=new.content,
        value=old.value if new.value is None else new.value,
        importance=max(old.importance, new.importance),
        source=_source_of_both(old, new),
        expires_at=later_expiry(old, new),
        version=old.version + 1,
    )
    written = transaction.revise(
        old.id,
        Selection.everything(now=now),
        lambda _: merged,
        now=now,
        new_vectors=entry.vectors,
        origins=entry.origins,
        full_text=entry.full_text or None,
        operation="merge",
    )
    return merged if written is None else written
