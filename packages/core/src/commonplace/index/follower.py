"""`Follower`: brings an index up to the ledger's journal, a chunk at a time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from commonplace.index.servers import NO_LIMITS
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from commonplace.index.port import VectorStore
    from commonplace.index.servers import Limits
    from commonplace.ledger import Change, Ledger, Snapshot, Space, Transaction
    from commonplace.record import Record

_LARGEST_INTEGER = 2**63 - 1
# Chroma reserves and refuses some keys; plain names are never among them.
_SHOWN = re.compile(r"(?!scope_\d)[A-Za-z][A-Za-z0-9_.-]{0,63}")
_OWN_FIELDS = frozenset({"scope", "kind", "key", "created_at"})
_ENDS_LIKE_AN_ENTRY = re.compile(r"#[0-9]+\Z")


class Follower:
    """Applies the journal to the index. Repeating a step changes nothing.

    Args:
        ledger: where the journal is.
        store: the index.
        writing: gives the transactions that say how far it has come; None for plain ones.
        begin: called before anything is written to the index.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: VectorStore,
        *,
        writing: Callable[[], AbstractContextManager[Transaction]] | None = None,
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._writing = writing or ledger.write
        self._begin = begin
        self._applied: dict[int, int] = {}
        self._followed: dict[int, Space] = {}
        self._labels: dict[int, str] | None = None

    def space(self, space_id: int) -> Space | None:
        """The space with this id; None if it is none that is searched, or is so no more."""
        if space_id not in self._followed:
            with self._ledger.read() as snapshot:
                return _by_id(snapshot).get(space_id)
        return self._followed[space_id]

    def applied(self, space: Space) -> int:
        """Up to which journal entry a space has been followed; nobody else moves it."""
        if space.id not in self._applied:
            with self._ledger.read() as snapshot:
                self._applied[space.id] = snapshot.applied_seq(space)
        return self._applied[space.id]

    def step(self, most: int) -> bool:
        """Apply up to `most` journal entries to every space; whether there was anything to do."""
        with self._ledger.read() as snapshot:
            head = snapshot.head()
            spaces = _by_id(snapshot)
            work = [
                self._prepared(snapshot, space, applied, most)
                for space in spaces.values()
                if (applied := snapshot.applied_seq(space)) < head
            ]
        if work or self._labels != _labels(spaces):
            self._begin()
        self._settle(spaces)
        for chunk in work:
            self._apply(chunk)
        return bool(work)

    def start_over(self, spaces: Iterable[Space]) -> None:
        """Forget what the index holds and how far it had come; the next steps build it anew."""
        for space in spaces:
            self._reached(space, 0)  # first: killed in between, it must not pass for complete
            self._store.drop(space)

    def forget(self) -> None:
        """Forget how far the index had come: it is another one now."""
        self._applied.clear()
        self._labels = None

    def _settle(self, spaces: dict[int, Space]) -> None:
        """Give every space its name, and drop the collections of those that are gone."""
        labels = _labels(spaces)
        if labels != self._labels:
            self._store.settle(spaces.values())
            self._labels = labels
        self._followed = spaces

    def _prepared(self, snapshot: Snapshot, space: Space, applied: int, most: int) -> _Chunk:
        changes = snapshot.changes(applied, most)
        pks = sorted({change.record_pk for change in changes if change.of_record})
        records = snapshot.numbered(pks)
        rows = [row for row in snapshot.vector_rows(space, pks=pks) if row[0] in records]
        return _Chunk(space, changes, records, rows)

    def _apply(self, chunk: _Chunk) -> None:
        if stale := chunk.stale_ids():
            self._store.delete(chunk.space, stale)
        if chunk.rows:
            metadatas = chunk.metadatas(self._store.limits)
            self._store.upsert(chunk.space, chunk.ids(), chunk.matrix(), metadatas)
        self._reached(chunk.space, chunk.changes[-1].seq)

    def _reached(self, space: Space, seq: int) -> None:
        with self._writing() as transaction:
            transaction.set_applied_seq(space, seq)
        self._applied[space.id] = seq


def start_over(ledger: Ledger) -> None:
    """Say that no index has followed the journal yet; the next one builds itself anew."""
    with ledger.write() as transaction:
        for space in transaction.searchable_spaces().values():
            transaction.set_applied_seq(space, 0)


def _by_id(snapshot: Snapshot) -> dict[int, Space]:
    return {space.id: space for space in snapshot.searchable_spaces().values()}


def _labels(spaces: Mapping[int, Space]) -> dict[int, str]:
    return {space.id: space.name for space in spaces.values()}


class _Chunk:
    """A stretch of the journal, and the present vectors of the records it names."""

    def __init__(
        self,
        space: Space,
        changes: Sequence[Change],
        records: Mapping[int, Record],
        rows: Sequence[tuple[int, int, NDArray[np.float32]]],
    ) -> None:
        self.space = space
        self.changes = changes
        self.rows = rows
        self._records = records

    def stale_ids(self) -> list[str]:
        """The entries to delete first: Chroma's upsert would keep their old metadata keys."""
        changed = (
            change for change in self.changes if change.of_record and change.operation != "add"
        )
        return sorted(
            {
                entry_id(change.record_id, ordinal)
                for change in changed
                for ordinal in range(max(change.vectors, 1))
            }
        )

    def ids(self) -> list[str]:
        return [entry_id(self._records[pk].id, ordinal) for pk, ordinal, _ in self.rows]

    def matrix(self) -> NDArray[np.float32]:
        return np.stack([vector for _, _, vector in self.rows]).astype(np.float32, copy=False)

    def metadatas(self, limits: Limits) -> list[dict[str, Any]]:
        return [metadata(self._records[pk], limits) for pk, _, _ in self.rows]


def entry_id(record_id: str, ordinal: int) -> str:
    """The id of an entry: the record's own for its first vector, `id#1` for its second, ...

    No two records share an entry, whatever ids a caller chose: one that itself ends like an entry
    has its number written out from 0 on.
    """
    plain = not ordinal and not _ENDS_LIKE_AN_ENTRY.search(record_id)
    return record_id if plain else f"{record_id}#{ordinal}"


def record_ids(entry_ids: Iterable[str]) -> list[str]:
    """The records that entries belong to, nearest first, without repeats."""
    owners = (_ENDS_LIKE_AN_ENTRY.sub("", name) if "#" in name else name for name in entry_ids)
    return list(dict.fromkeys(owners))


def metadata(record: Record, limits: Limits = NO_LIMITS) -> dict[str, Any]:
    """What a Chroma tool shows of a record: where it lies, what it is, its plain metadata.

    What asks by `where` comes first; what the limits leave no place for is left out from the end.
    """
    segments = record.scope.segments
    shown: dict[str, Any] = {
        f"scope_{depth}": Scope(*segments[:depth]).path for depth in range(1, len(segments) + 1)
    }
    shown |= {
        "scope": record.scope.path,
        "kind": record.kind,
        "created_at": record.created_at.isoformat(),
    }
    if record.key is not None:
        shown["key"] = record.key
    shown |= {
        name: value
        for name, value in record.metadata.items()
        if _SHOWN.fullmatch(name) and name not in _OWN_FIELDS and _is_plain(value)
    }
    fitting = [(name, value) for name, value in shown.items() if _fits(name, value, limits)]
    return dict(fitting[: limits.keys])


def _fits(name: str, value: object, limits: Limits) -> bool:
    if limits.key_bytes is not None and len(name.encode()) > limits.key_bytes:
        return False
    longest = limits.value_bytes
    return longest is None or not isinstance(value, str) or len(value.encode()) <= longest


def _is_plain(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) <= _LARGEST_INTEGER
    return isinstance(value, str | float | bool)
