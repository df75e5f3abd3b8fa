"""`Transaction`: everything that can be written to a ledger; whole or not at all."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from sqlalchemy import Delete, bindparam, delete, func, select, update

from commonplace.clock import from_micros
from commonplace.drafts import OWN_SPACE
from commonplace.errors import ConflictError, ModelMismatchError
from commonplace.ledger import checking
from commonplace.ledger.driver import fixed
from commonplace.ledger.fulltext import scope_tokens
from commonplace.ledger.history import History
from commonplace.ledger.links import LinkWriter
from commonplace.ledger.reindexing import SpaceChange
from commonplace.ledger.rows import content_hash, record_of, row_of
from commonplace.ledger.schema import BROUGHT, index_state, journal, records, spaces, vectors
from commonplace.ledger.snapshot import Snapshot, Space

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Row

    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.reindexing import Origin
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query, Selection
    from commonplace.ledger.sqlite import SqliteDialect
    from commonplace.record import Record
    from commonplace.scope import Scope

    Matrix = NDArray[np.float32]

IfExists = Literal["replace", "keep", "error"]
Name = TypeVar("Name")
NO_VECTORS: Mapping[int, Matrix] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record to write, with its vectors by space id.

    `origins` says what the vectors of a space were made from, where the caller did not bring them.
    """

    record: Record
    vectors: Mapping[int, Matrix] = field(default_factory=dict[int, "Matrix"])
    origins: Mapping[int, Origin] = field(default_factory=dict[int, "Origin"])
    full_text: bool = True
    chosen_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of an entry: the record as it now is, and whether it was written."""

    record: Record
    operation: Literal["add", "update", "none"]


class Transaction(Snapshot):
    """A write in progress. Made by `Ledger.write`; nothing is seen by others until it ends."""

    def __init__(
        self,
        connection: DriverConnection,
        dialect: SqliteDialect,
        scope_ids: ScopeIds,
        keep_versions: int | None,
    ) -> None:
        super().__init__(connection, dialect, scope_ids)
        self.former = History(connection, dialect, scope_ids, keep_versions)
        self._spaces_seen: dict[str, Space] = {}

    @property
    def links(self) -> LinkWriter:
        """The links between records, to be written too."""
        return LinkWriter(self._connection, self._dialect, self._log)

    def put(
        self, entries: Sequence[Entry], *, if_exists: IfExists, dedupe: bool, now: int
    ) -> list[Written]:
        """Write records, each new or in place of the one with its id or its scope and key.

        Where two entries name the same record, the last wins.

        Raises:
            ConflictError: an id is taken in another scope, id and key name different records, or
                `if_exists="error"` and there is one.
        """
        places = [self._scopes.find_or_add(entry.record.scope) for entry in entries]
        standing = self._standing(entries, places, now, dedupe=dedupe)
        outcomes: dict[int, Written] = {}
        latest: dict[object, int] = {}
        for number, (entry, place) in enumerate(zip(entries, places, strict=True)):
            latest[_identity(entry, place, standing[number], dedupe=dedupe)] = number
        chosen = sorted(latest.values())
        fresh = [number for number in chosen if standing[number] is None]
        inserted = self._insert([(entries[n], places[n]) for n in fresh], now)
        outcomes.update(zip(fresh, inserted, strict=True))
        for number in chosen:
            if (row := standing[number]) is not None:
                keep: IfExists = (
                    "keep" if dedupe and _same_content(entries[number], row) else if_exists
                )
                outcomes[number] = self._overwrite(row, entries[number], keep, now)
        return [
            outcomes[latest[_identity(entry, place, standing[number], dedupe=dedupe)]]
            for number, (entry, place) in enumerate(zip(entries, places, strict=True))
        ]

    def revise(
        self,
        record_id: str,
        selection: Selection,
        revision: Callable[[Record], Record],
        *,
        now: int,
        new_vectors: Mapping[int, Matrix] = NO_VECTORS,
        origins: Mapping[int, Origin] | None = None,
        full_text: bool | None = None,
        operation: str = "update",
    ) -> Record | None:
        """Change one record in place.

        Args:
            record_id: which.
            selection: what may be touched.
            revision: makes the new state from the present one; it may refuse by raising.
            now: the present moment.
            new_vectors: the vectors to replace, by space id; other spaces keep theirs.
            origins: as in `Entry`.
            full_text: whether its content is findable by words; None leaves that as it is.
            operation: what the journal and the history call the change.

        Returns:
            The new state, or None if no such record is selected.
        """
        if record_id not in self.records_by_id([record_id], selection):
            return None
        row = self._rows_by_id([record_id])[record_id]
        moment = from_micros(max(now, row.updated_at))
        revised = replace(revision(self._record(row)), updated_at=moment)
        scope_id = self._free_place(revised, now)
        entry = Entry(
            record=revised,
            vectors=new_vectors,
            origins=origins or {},
            full_text=bool(row.has_text) if full_text is None else full_text,
        )
        self._rewrite(row, entry, scope_id, now, keep_vectors=True, operation=operation)
        return revised

    def restore(
        self,
        record_id: str,
        version: int | None,
        allowed: Callable[[Scope], bool],
        *,
        now: int,
    ) -> Record | None:
        """Write a former state of a record again, as its newest one, with vectors and full text.

        Args:
            record_id: which.
            version: which state; None for the last one of a deleted record.
            allowed: whether a scope may be read and written.
            now: the present moment; an expiry that passed meanwhile is taken off.

        Returns:
            The new state, or None if there is no such state within the allowed scopes.

        Raises:
            ConflictError: another record has the key by now.
        """
        states = [row for row in self.former.rows(record_id) if self._in(row, allowed)]
        if version is not None:
            states = [row for row in states if row.version == version]
        row = self._rows_by_id([record_id]).get(record_id)
        if not states or (row is not None and (_is_over(row, now) or not self._in(row, allowed))):
            return None
        last = max(self.former.numbers([record_id])[record_id], 0 if row is None else row.version)
        entry = self._former_entry(states[-1], last + 1, now)
        place = self._free_place(entry.record, now)
        if row is None:
            self._insert_begun([(entry, place)], now, operation="restore")
        else:
            self._rewrite(row, entry, place, now, keep_vectors=False, operation="restore")
        return entry.record

    def remove(self, pks: Sequence[int], *, operation: str, now: int) -> int:
        """Delete records with their vectors, full text and links; how many there were.

        Their last states stay in the history, unless they expired: then nothing of them stays.
        """
        array = {"pks": self._dialect.array(pks)}
        rows = self._rows(_by_pk(self._dialect), array)
        if not rows:
            return 0
        held = self._vectors_held(pks)
        if operation == "expire":
            self.former.forget_all(row.id for row in rows)
        else:
            self._keep(rows, by=operation, at=now)
        self._forget_text(rows)
        self._drop_vectors(pks)
        self.links.forget(row.id for row in rows)
        self._connection.execute(_delete_records(self._dialect), array)
        self._count({row.pk: (row.scope_id, -1) for row in rows}.values())
        self._log([_event(row, operation, held.get(row.pk, 0), now) for row in rows])
        return len(rows)

    def space(self, name: str, identity: str, dimension: int, *, now: int) -> Space:
        """The space of this name, created if it is new.

        Raises:
            ModelMismatchError: it holds vectors of another model or of another length.
        """
        if (found := self._spaces_seen.get(name)) is None:
            found = self._spaces_seen[name] = self._find_or_add_space(
                name, identity, dimension, now
            )
        check_space(found, identity, dimension)
        return found

    def _find_or_add_space(self, name: str, identity: str, dimension: int, now: int) -> Space:
        if (found := self.spaces().get(name)) is None:
            new = {
                "name": name,
                "identity": identity,
                "dimension": dimension,
                "metric": "cosine",
                "vectors": 0,
                "created_at": now,
            }
            self._connection.execute(spaces.insert(), new)
            found = self.spaces()[name]
        return found

    def set_applied_seq(self, space: Space, applied_seq: int) -> None:
        """Record how far the index of a space has followed the journal."""
        changed = self._connection.execute(
            update(index_state)
            .where(index_state.c.space_id == space.id)
            .values(applied_seq=applied_seq)
        )
        if not changed.rowcount and any(one.id == space.id for one in self.spaces().values()):
            new = {"space_id": space.id, "applied_seq": applied_seq}
            self._connection.execute(index_state.insert(), new)

    @property
    def reindexing(self) -> SpaceChange:
        """What a reindex reads and writes."""
        return SpaceChange(self._connection, self._dialect)

    def mend(self) -> list[str]:
        """Mend what can be mended from the records themselves; what was done, in words."""
        return list(checking.mend(self._connection, self._dialect, self._scopes))

    def _standing(
        self, entries: Sequence[Entry], places: Sequence[int], now: int, *, dedupe: bool
    ) -> list[Row[Any] | None]:
        """For each entry the row it would replace, if there is one; expired rows give way."""
        chosen = self._rows_by_id([entry.record.id for entry in entries if entry.chosen_id])
        by_id = self._without_expired(chosen, now)
        by_key = self._without_expired(self._rows_by_key(entries, places), now)
        by_content = self._rows_by_content(entries, places, now) if dedupe else {}
        found: list[Row[Any] | None] = []
        for entry, place in zip(entries, places, strict=True):
            record = entry.record
            named = by_id.get(record.id) if entry.chosen_id else None
            keyed = by_key.get((place, record.key)) if record.key is not None else None
            _check_agreement(entry, named, keyed, place)
            same = by_content.get((place, record.kind, record.content))
            found.append(named if named is not None else keyed if keyed is not None else same)
        return found

    def _without_expired(self, found: dict[Name, Row[Any]], now: int) -> dict[Name, Row[Any]]:
        """Rows by what names them; those that expired are removed, and stand in nobody's way."""
        gone = {row.pk for row in found.values() if _is_over(row, now)}
        if gone:
            self.remove(sorted(gone), operation="expire", now=now)
        return {name: row for name, row in found.items() if row.pk not in gone}

    def _rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        rows = self._connection.execute(query, values).all()
        self._scopes.load({row.scope_id for row in rows})
        return rows

    def _rows_by_id(self, ids: Sequence[str]) -> dict[str, Row[Any]]:
        if not ids:
            return {}
        wanted = {"ids": self._dialect.array(ids)}
        return {row.id: row for row in self._rows(_by_id(self._dialect), wanted)}

    def _rows_by_key(
        self, entries: Sequence[Entry], places: Sequence[int]
    ) -> dict[tuple[int, str | None], Row[Any]]:
        keys: dict[int, list[str]] = {}
        for entry, place in zip(entries, places, strict=True):
            if entry.record.key is not None:
                keys.setdefault(place, []).append(entry.record.key)
        found: dict[tuple[int, str | None], Row[Any]] = {}
        for place, some in keys.items():
            wanted = {"scope_id": place, "keys": self._dialect.array(some)}
            for row in self._rows(_by_key(self._dialect), wanted):
                found[place, row.key] = row
        return found

    def _rows_by_content(
        self, entries: Sequence[Entry], places: Sequence[int], now: int
    ) -> dict[tuple[int, str, str], Row[Any]]:
        hashes = [content_hash(entry.record.content) for entry in entries]
        wanted = {
            "scope_ids": self._dialect.array(set(places)),
            "hashes": self._dialect.array(hashes),
        }
        rows = self._rows(_by_content(self._dialect), wanted)
        living = (row for row in rows if not _is_over(row, now))
        return {(row.scope_id, row.kind, row.content): row for row in living}

    def _former_entry(self, row: Row[Any], version: int, now: int) -> Entry:
        """A former state as it is written again."""
        spaces = self.spaces().values()
        dimensions = {space.id: space.dimension for space in spaces if not space.partial}
        gone = row.expires_at is not None and row.expires_at <= now
        former = self._record(row)
        record = replace(
            former,
            version=version,
            updated_at=from_micros(max(now, row.replaced_at)),
            archived_at=None,
            expires_at=None if gone else former.expires_at,
        )
        vectors, origins = self.former.vectors(row.pk, dimensions)
        return Entry(record=record, vectors=vectors, origins=origins, full_text=bool(row.has_text))

    def _free_place(self, record: Record, now: int) -> int:
        """The scope a record is to lie at, if its key is free there."""
        scope_id = self._scopes.find_or_add(record.scope)
        if record.key is not None:
            asked = {"scope_id": scope_id, "keys": self._dialect.array([record.key])}
            rows = self._rows(_by_key(self._dialect), asked)
            if self._without_expired({row.id: row for row in rows}, now).keys() - {record.id}:
                raise ConflictError(f"key {record.key!r} is taken in this scope; choose another")
        return scope_id

    def _insert(self, fresh: Sequence[tuple[Entry, int]], now: int) -> list[Written]:
        self._insert_begun(begun := self._begun(fresh, now), now, operation="add")
        return [Written(record=entry.record, operation="add") for entry, _ in begun]

    def _insert_begun(
        self, fresh: Sequence[tuple[Entry, int]], now: int, *, operation: str
    ) -> None:
        if not fresh:
            return
        first = self._dialect.next_pk(self._connection)
        rows = [
            {"pk": pk, **row_of(entry.record, place, full_text=_has_text(entry))}
            for pk, (entry, place) in enumerate(fresh, first)
        ]
        self._connection.execute(_INSERT_RECORD, rows)
        numbered = zip((row["pk"] for row in rows), (entry for entry, _ in fresh), strict=True)
        self._inserted(rows, _vector_rows(numbered), now, operation=operation)

    def _inserted(
        self,
        rows: Sequence[Mapping[str, Any]],
        vectors: list[dict[str, Any]],
        now: int,
        *,
        operation: str = "add",
    ) -> None:
        """Write what goes with new rows of `records`: vectors, full text, counts, journal."""
        self._add_vectors(vectors)
        self._index_text(rows)
        self._count((row["scope_id"], 1) for row in rows)
        self._log([{**_new_event(row, now), "operation": operation} for row in rows])

    def _begun(self, fresh: Sequence[tuple[Entry, int]], now: int) -> list[tuple[Entry, int]]:
        """The entries with the times and version numbers that new records get.

        The numbers of a record that has a history go on where they ended.
        """
        chosen = [entry.record.id for entry, _ in fresh if entry.chosen_id]
        self._check_ids_free(chosen)
        last = self.former.numbers(chosen) if chosen else {}
        moment = from_micros(now)
        return [
            (
                replace(entry, record=_begun(entry.record, moment, last.get(entry.record.id, 0))),
                place,
            )
            for entry, place in fresh
        ]

    def _keep(self, rows: Sequence[Row[Any]], *, by: str, at: int) -> None:
        self.former.keep(rows, [space.id for space in self.spaces().values()], by=by, at=at)

    def _check_ids_free(self, ids: Sequence[str]) -> None:
        if len(ids) > len(set(ids)):
            raise ConflictError("one id is given to records of different scopes or keys")

    def _overwrite(self, row: Row[Any], entry: Entry, if_exists: IfExists, now: int) -> Written:
        if if_exists == "error":
            raise ConflictError(
                f"record {row.id!r} exists already; use if_exists='replace' or 'keep'"
            )
        if if_exists == "keep":
            return Written(record=self._record(row), operation="none")
        record = replace(
            entry.record,
            id=row.id,
            version=row.version + 1,
            key=row.key if entry.record.key is None else entry.record.key,
            created_at=from_micros(row.created_at),
            updated_at=from_micros(max(now, row.updated_at)),
        )
        self._rewrite(row, replace(entry, record=record), row.scope_id, now, keep_vectors=False)
        return Written(record=record, operation="update")

    def _rewrite(
        self,
        row: Row[Any],
        entry: Entry,
        scope_id: int,
        now: int,
        *,
        keep_vectors: bool,
        operation: str = "update",
    ) -> None:
        """Put a new state in place of a row; vectors of spaces not named stay if asked."""
        self._keep([row], by=operation, at=now)
        new = {"pk": row.pk, **row_of(entry.record, scope_id, full_text=_has_text(entry))}
        only = entry.vectors if keep_vectors else None
        brought = _vector_rows([(row.pk, entry)])
        self._overwrite_row(row, new, brought, now, only=only, operation=operation)

    def _overwrite_row(
        self,
        row: Row[Any],
        new: Mapping[str, Any],
        vectors: list[dict[str, Any]],
        now: int,
        *,
        only: Container[int] | None = None,
        operation: str = "update",
    ) -> None:
        """Put new columns and vectors in place of a row's, in the spaces of `only` or in all."""
        held = self._vectors_held([row.pk]).get(row.pk, 0)
        self._drop_vectors([row.pk], only=only)
        moved = any(getattr(row, name) != new[name] for name in ("content", "scope_id", "has_text"))
        if moved:
            self._forget_text([row])
        self._connection.execute(_UPDATE_RECORD, {**new, "old_pk": row.pk})
        self._add_vectors(vectors)
        if moved:
            self._index_text([new])
        if new["scope_id"] != row.scope_id:
            self._count([(row.scope_id, -1), (new["scope_id"], 1)])
            self._log([_event(row, "move", 0, now)])
        self._log([{**_new_event(new, now), "operation": operation, "vectors": held}])

    def _add_vectors(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        self._connection.execute(_INSERT_VECTOR, rows)
        self._count_vectors(Counter(row["space_id"] for row in rows))

    def _drop_vectors(self, pks: Sequence[int], *, only: Container[int] | None = None) -> None:
        """Drop the vectors of records, all or those in some spaces.

        A partial space never holds vectors of another state than the memory's own space does: what
        is dropped here is embedded anew by the reindex.
        """
        array = self._dialect.array(pks)
        dropped: dict[int, int] = {}
        spaces = self.spaces()
        own = spaces.get(OWN_SPACE)
        renewed = own is not None and only is not None and own.id in only
        for space in spaces.values():
            if only is None or space.id in only or (renewed and space.partial):
                wanted = {"space_id": space.id, "pks": array}
                gone = self._connection.execute(_delete_vectors(self._dialect), wanted)
                dropped[space.id] = -gone.rowcount
        self._count_vectors(dropped)

    def _count_vectors(self, changes: Mapping[int, int]) -> None:
        for space_id, change in changes.items():
            if change:
                self._connection.execute(_COUNT_VECTORS, {"space": space_id, "change": change})

    def _vectors_held(self, pks: Sequence[int]) -> dict[int, int]:
        """The largest number of vectors each record has in one space."""
        array = self._dialect.array(pks)
        held: dict[int, int] = {}
        for space in self.spaces().values():
            wanted = {"space_id": space.id, "pks": array}
            for row in self._connection.execute(_vectors_held(self._dialect), wanted):
                held[row.record_pk] = max(held.get(row.record_pk, 0), row.held)
        return held

    def _index_text(self, rows: Iterable[Mapping[str, Any]]) -> None:
        texts = [
            self._text(row["pk"], row["content"], row["scope_id"])
            for row in rows
            if row["has_text"]
        ]
        if texts:
            self._dialect.insert_text(self._connection, texts)

    def _forget_text(self, rows: Iterable[Row[Any]]) -> None:
        texts = [self._text(row.pk, row.content, row.scope_id) for row in rows if row.has_text]
        if texts:
            self._dialect.delete_text(self._connection, texts)

    def _text(self, pk: int, content: str, scope_id: int) -> dict[str, Any]:
        return {
            "pk": pk,
            "content": content,
            "scopes": scope_tokens(self._scopes.lineage(scope_id)),
        }

    def _count(self, changes: Iterable[tuple[int, int]]) -> None:
        sums: Counter[int] = Counter()
        for scope_id, change in changes:
            sums[scope_id] += change
        self._scopes.add_counts(sums)

    def _log(self, events: Sequence[Mapping[str, Any]]) -> None:
        if events:
            self._connection.execute(_INSERT_EVENT, [{"detail": None, **one} for one in events])

    def _record(self, row: Row[Any]) -> Record:
        return record_of(row, self._scope_of(row))

    def _scope_of(self, row: Row[Any]) -> Scope:
        return self._scopes.scope(row.scope_id)

    def _in(self, row: Row[Any], allowed: Callable[[Scope], bool]) -> bool:
        return allowed(self._scope_of(row))


def check_space(space: Space, identity: str, dimension: int) -> None:
    """Refuse vectors that another model made.

    Raises:
        ModelMismatchError: identity or dimension differ from the space's.
    """
    if (space.identity, space.dimension) == (identity, dimension):
        return
    if space.name == OWN_SPACE:
        advice = (
            "open the memory with that embedder; or open it without one and call "
            "memory.reindex(embedder), which embeds everything anew; mode='lexical' needs none"
        )
    else:
        advice = "a space keeps one model and one length; name another space in vectors="
    raise ModelMismatchError(
        f"space {space.name!r} holds vectors made by {space.identity!r} with {space.dimension} "
        f"dimensions, and was given {identity!r} with {dimension}; {advice}"
    )


def _identity(entry: Entry, place: int, standing: Row[Any] | None, *, dedupe: bool) -> object:
    """What makes two entries of one batch the same record."""
    record = entry.record
    if standing is not None:
        return standing.pk
    if record.key is not None:
        return (place, "key", record.key)
    if dedupe:
        return (place, record.kind, "content", record.content)
    return (place, "id", record.id)


def _same_content(entry: Entry, row: Row[Any]) -> bool:
    record = entry.record
    return (record.kind, record.content) == (row.kind, row.content)


def _check_agreement(
    entry: Entry, named: Row[Any] | None, keyed: Row[Any] | None, place: int
) -> None:
    if named is not None and named.scope_id != place:
        raise ConflictError(f"id {named.id!r} is taken; choose another, or leave it out")
    if entry.chosen_id and keyed is not None and keyed.id != entry.record.id:
        raise ConflictError("id and key name two different records; give one of them")


def _begun(record: Record, moment: datetime, last: int) -> Record:
    fresh = record.created_at == record.updated_at  # the caller named no time
    created = moment if fresh else record.created_at
    return replace(record, created_at=created, updated_at=moment, version=last + 1)


def _is_over(row: Row[Any], now: int) -> bool:
    return row.expires_at is not None and row.expires_at <= now


def _has_text(entry: Entry) -> bool:
    return entry.full_text and bool(entry.record.content.strip())


def _vector_rows(numbered: Iterable[tuple[int, Entry]]) -> list[dict[str, Any]]:
    return [
        {
            "space_id": space_id,
            "record_pk": pk,
            "ordinal": ordinal,
            "origin": entry.origins.get(space_id, BROUGHT),
            "vector": vector.astype("<f4", copy=False).tobytes(),
        }
        for pk, entry in numbered
        for space_id, matrix in entry.vectors.items()
        for ordinal, vector in enumerate(matrix)
    ]


def _new_event(row: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {
        "at": now,
        "operation": "add",
        "record_pk": row["pk"],
        "record_id": row["id"],
        "scope_id": row["scope_id"],
        "version": row["version"],
        "vectors": 0,
    }


def _event(row: Row[Any], operation: str, held: int, now: int) -> dict[str, Any]:
    return {
        "at": now,
        "operation": operation,
        "record_pk": row.pk,
        "record_id": row.id,
        "scope_id": row.scope_id,
        "version": row.version,
        "vectors": held,
    }


# Statements of fixed shape are built once: building one costs as much as running it.
_INSERT_RECORD = fixed(records.insert())
_INSERT_VECTOR = fixed(vectors.insert())
_INSERT_EVENT = fixed(journal.insert())
_COLUMNS = [column.name for column in records.c]
_UPDATE_RECORD = fixed(
    update(records)
    .where(records.c.pk == bindparam("old_pk"))
    .values({name: bindparam(name) for name in _COLUMNS})
)
_COUNT_VECTORS = fixed(
    update(spaces)
    .where(spaces.c.id == bindparam("space"))
    .values(vectors=spaces.c.vectors + bindparam("change"))
)


@functools.cache
def _by_pk(dialect: SqliteDialect) -> Query:
    return fixed(select(records).where(dialect.among(records.c.pk, "pks")))


@functools.cache
def _by_id(dialect: SqliteDialect) -> Query:
    return fixed(select(records).where(dialect.among(records.c.id, "ids")))


@functools.cache
def _by_key(dialect: SqliteDialect) -> Query:
    return fixed(
        select(records).where(
            records.c.scope_id == bindparam("scope_id"), dialect.among(records.c.key, "keys")
        )
    )


@functools.cache
def _by_content(dialect: SqliteDialect) -> Query:
    return fixed(
        select(records).where(
            dialect.among(records.c.scope_id, "scope_ids"),
            dialect.among(records.c.content_hash, "hashes"),
        )
    )


@functools.cache
def _delete_records(dialect: SqliteDialect) -> Delete:
    return fixed(delete(records).where(dialect.among(records.c.pk, "pks")))


@functools.cache
def _delete_vectors(dialect: SqliteDialect) -> Delete:
    return fixed(
        delete(vectors).where(
            vectors.c.space_id == bindparam("space_id"), dialect.among(vectors.c.record_pk, "pks")
        )
    )


@functools.cache
def _vectors_held(dialect: SqliteDialect) -> Query:
    return fixed(
        select(vectors.c.record_pk, func.count().label("held"))
        .where(
            vectors.c.space_id == bindparam("space_id"), dialect.among(vectors.c.record_pk, "pks")
        )
        .group_by(vectors.c.record_pk)
    )
