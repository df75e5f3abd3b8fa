"""`Transaction`: everything that can be written to a ledger; whole or not at all."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, update

from commonplace.clock import from_micros
from commonplace.errors import ConflictError, EncryptionError
from commonplace.failpoints import reach
from commonplace.jsonvalue import dump_json
from commonplace.ledger import checking
from commonplace.ledger.driver import fixed
from commonplace.ledger.entries import NO_VECTORS, Entry, Written
from commonplace.ledger.fulltext import scope_tokens
from commonplace.ledger.reindexing import SpaceChange
from commonplace.ledger.rotating import Rotation
from commonplace.ledger.rows import checksum
from commonplace.ledger.schema import records
from commonplace.ledger.sealing import SEALING, guard
from commonplace.ledger.selection import live_in_scopes, parameters, shape
from commonplace.ledger.spacewriting import SpaceWriter
from commonplace.ledger.standing import StandingRows, is_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Row, Update

    from commonplace.jsonvalue import JsonValue
    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.entries import IfExists, Matrix
    from commonplace.ledger.reindexing import Origin
    from commonplace.ledger.selection import Selection, Shape
    from commonplace.record import Record
    from commonplace.scope import Scope


class Transaction(StandingRows, SpaceWriter):
    """A write in progress. Made by `Ledger.write`; nothing is seen by others until it ends."""

    def put(
        self, entries: Sequence[Entry], *, if_exists: IfExists, dedupe: bool, now: int
    ) -> list[Written]:
        """Write records, each new or in place of the one with its id or its scope and key.

        Where two entries name the same record, the last wins.

        Raises:
            ConflictError: an id is taken in another scope, id and key name different records, two
                records would get one key, or `if_exists="error"` and there is one.
        """
        places = [self._scopes.find_or_add(entry.record.scope) for entry in entries]
        standing = self._standing(entries, places, now, dedupe=dedupe)
        outcomes: dict[int, Written] = {}
        latest: dict[object, int] = {}
        for number, (entry, place) in enumerate(zip(entries, places, strict=True)):
            latest[_identity(entry, place, standing[number], dedupe=dedupe)] = number
        chosen = sorted(latest.values())
        modes: list[IfExists] = [
            "keep" if dedupe and row is not None and _same_content(entry, row) else if_exists
            for entry, row in zip(entries, standing, strict=True)
        ]
        fresh = [number for number in chosen if standing[number] is None]
        written = [n for n in chosen if standing[n] is None or modes[n] == "replace"]
        _check_keys_differ([(places[n], entries[n].record.key) for n in written])
        inserted = self._insert([(entries[n], places[n]) for n in fresh], now)
        outcomes.update(zip(fresh, inserted, strict=True))
        reach("put.after_inserts")
        states: list[tuple[Row[Any], Entry, int]] = []
        for number in chosen:
            if (row := standing[number]) is not None:
                outcomes[number] = found = self._overwriting(
                    row, entries[number], modes[number], now
                )
                if found.operation == "update":
                    states.append(
                        (row, replace(entries[number], record=found.record), row.scope_id)
                    )
        self._rewrite(states, now, keep_vectors=False)
        return [
            outcomes[latest[_identity(entry, place, standing[number], dedupe=dedupe)]]
            for number, (entry, place) in enumerate(zip(entries, places, strict=True))
        ]

    def insert_fresh(self, entries: Sequence[Entry], *, now: int) -> list[tuple[int, Record]]:
        """Write records of fresh ids and without keys, in whose place nothing can stand.

        Returns:
            The number of each record, and the record.
        """
        placed = [(entry, self._scopes.find_or_add(entry.record.scope)) for entry in entries]
        begun = self._begun(placed, now)
        first = self._insert_begun(begun, now, operation="add")
        return [(pk, entry.record) for pk, (entry, _) in enumerate(begun, first)]

    def put_whole(
        self, entries: Sequence[Entry], allowed: Callable[[Scope], bool], *, now: int
    ) -> list[Record]:
        """Write records by id, each new or in place of what has its id, wherever that lies.

        Vectors of spaces that an entry does not name stay. Of two entries with one id the last
        wins.

        Args:
            entries: what to write.
            allowed: whether a record that lies at a scope may be replaced.
            now: the present moment.

        Raises:
            ConflictError: an id or a key is taken.
        """
        last = {entry.record.id: entry for entry in entries}
        standing = self._without_expired(self._rows_by_id(list(last)), now)
        for row in standing.values():
            if not self._in(row, allowed):
                raise ConflictError(f"id {row.id!r} is taken; choose another, or leave it out")
        places = {name: self._free_place(entry.record, now) for name, entry in last.items()}
        _check_keys_differ([(places[name], entry.record.key) for name, entry in last.items()])
        fresh = [(entry, places[name]) for name, entry in last.items() if name not in standing]
        written = {one.record.id: one.record for one in self._insert(fresh, now)}
        reach("put.after_inserts")
        states = [
            (row, _whole(row, last[name], places[name], now), places[name])
            for name, row in standing.items()
        ]
        self._rewrite(states, now, keep_vectors=True)
        written.update((entry.record.id, entry.record) for _, entry, _ in states)
        return [written[entry.record.id] for entry in entries]

    def note_reading(
        self, ids: Sequence[str], selection: Selection, *, app: str, at: datetime
    ) -> int:
        """Note in the values of selected records of an app when they were last shown; how many."""
        found = self.records_by_id(ids, selection).values()
        noted = {record.id: (record, _noted(record, app, at)) for record in found}
        noted = {name: pair for name, pair in noted.items() if pair[1]}
        standing = self._rows_by_id(list(noted))
        rows = [
            self._note(standing[name], record, dump_json(value))
            for name, (record, value) in noted.items()
        ]
        if rows:
            self._connection.execute(_NOTE, rows)
        return len(rows)

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
        self._rewrite([(row, entry, scope_id)], now, keep_vectors=True, operation=operation)
        return revised

    def _note(self, row: Any, record: Record, value: str) -> dict[str, Any]:
        """What a standing record's value and checksum become."""
        state = {**row._asdict(), "value": value}
        state["checksum"] = checksum(state)
        marked = state if self._sealer is None else self._sealer.marked(state)
        return {
            "noted_id": record.id,
            "new": self._sealed_value(record, value),
            "new_sum": marked["checksum"],
        }

    def _sealed_value(self, record: Record, value: str) -> Any:
        """The value of a standing record as it is stored."""
        row = {"id": record.id, "scope_id": self._scopes.find(record.scope), "value": value}
        return value if self._sealer is None else self._sealer.state(row)["value"]

    def renew(self, expiries: Mapping[str, int | None], selection: Selection) -> int:
        """Set when selected records expire, and change nothing else; how many there were."""
        statement = _renewed(self._dialect, shape(selection, by_scope=False))
        common = parameters(selection, self._dialect)
        return sum(
            self._connection.execute(statement, {**common, "id": name, "expires": moment}).rowcount
            for name, moment in expiries.items()
        )

    def restore(
        self,
        record_id: str,
        version: int | None,
        allowed: Callable[[Scope], bool],
        *,
        now: int,
        archived: bool = False,
    ) -> Record | None:
        """Write a former state of a record again, as its newest one, with vectors and full text.

        Args:
            record_id: which.
            version: which state; None for the last one of a deleted record.
            allowed: whether a scope may be read and written.
            now: the present moment; an expiry that passed meanwhile is taken off.
            archived: whether a state that was archived is archived again.

        Returns:
            The new state, or None if there is no such state within the allowed scopes.

        Raises:
            ConflictError: another record has the key by now.
        """
        row = self._without_expired(self._rows_by_id([record_id]), now).get(record_id)
        states = [row for row in self.former.rows(record_id) if self._in(row, allowed)]
        if version is not None:
            states = [row for row in states if row.version == version]
        if not states or (row is not None and not self._in(row, allowed)):
            return None
        last = max(self.former.numbers([record_id])[record_id], 0 if row is None else row.version)
        entry = self._former_entry(states[-1], last + 1, now)
        if archived:
            entry = replace(
                entry,
                record=replace(entry.record, archived_at=self._record(states[-1]).archived_at),
            )
        place = self._free_place(entry.record, now)
        if row is None:
            self._insert_begun([(entry, place)], now, operation="restore")
        else:
            self._rewrite([(row, entry, place)], now, keep_vectors=False, operation="restore")
        return entry.record

    def scope_id(self, scope: Scope) -> int:
        """The number of a scope, which is made if it is new."""
        return self._scopes.find_or_add(scope)

    def seal(self, policy: str, scopes: Sequence[Scope]) -> None:
        """Keep which scopes are sealed, and let the ledger refuse what is not, from now on."""
        self.set_setting(SEALING, policy)
        guard(self._connection, [self._scopes.find_or_add(scope) for scope in scopes])

    @property
    def rotation(self) -> Rotation:
        """What seals anew what is stored; only of a ledger that seals."""
        if self._sealer is None:
            raise EncryptionError("this memory is not encrypted; open it with encryption=")
        return Rotation(self._connection, self._dialect, self._sealer, self._tokens)

    def _tokens(self, scope_id: int) -> str:
        return scope_tokens(self._scopes.lineage(scope_id))

    @property
    def reindexing(self) -> SpaceChange:
        """What a reindex reads and writes."""
        return SpaceChange(self._connection, self._dialect)

    def mend(self) -> list[str]:
        """Mend what can be mended from the records themselves; what was done, in words."""
        return list(checking.mend(self._connection, self._dialect, self._scopes))

    def _former_entry(self, row: Row[Any], version: int, now: int) -> Entry:
        """A former state as it is written again."""
        spaces = self.spaces().values()
        dimensions = {space.id: space.dimension for space in spaces if not space.partial}
        former = self._record(row)
        record = replace(
            former,
            version=version,
            updated_at=from_micros(max(now, row.replaced_at)),
            archived_at=None,
            expires_at=None if is_over(row, now) else former.expires_at,
        )
        vectors, origins = self.former.vectors(row.pk, dimensions)
        return Entry(record=record, vectors=vectors, origins=origins, full_text=bool(row.has_text))

    def _insert(self, fresh: Sequence[tuple[Entry, int]], now: int) -> list[Written]:
        self._insert_begun(begun := self._begun(fresh, now), now, operation="add")
        return [Written(record=entry.record, operation="add") for entry, _ in begun]

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

    def _check_ids_free(self, ids: Sequence[str]) -> None:
        if len(ids) > len(set(ids)):
            raise ConflictError("one id is given to records of different scopes or keys")

    def _overwriting(self, row: Row[Any], entry: Entry, if_exists: IfExists, now: int) -> Written:
        """What becomes of an entry in whose place a row stands."""
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
        return Written(record=record, operation="update")


def _noted(record: Record, app: str, at: datetime) -> JsonValue:
    """The value of a record with the note when it was last shown; None if it takes none."""
    value = {} if record.value is None else record.value
    if record.source.app != app or not isinstance(value, dict):
        return None
    notes = value.get(app, {})
    if not isinstance(notes, dict):
        return None
    return {**value, app: {**notes, "last_accessed": at.isoformat()}}


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


def _whole(row: Row[Any], entry: Entry, place: int, now: int) -> Entry:
    """An entry as it is written in place of a row, whatever that was."""
    given = entry.record
    timed = given.created_at != given.updated_at  # the caller named a time
    record = replace(
        given,
        version=row.version + 1,
        key=row.key if given.key is None and row.scope_id == place else given.key,
        created_at=given.created_at if timed else from_micros(row.created_at),
        updated_at=from_micros(max(now, row.updated_at)),
    )
    return replace(entry, record=record)


def _same_content(entry: Entry, row: Row[Any]) -> bool:
    record = entry.record
    return (record.kind, record.content) == (row.kind, row.content)


def _check_keys_differ(named: Sequence[tuple[int, str | None]]) -> None:
    """Refuse one key, at one scope, for two records; what stands there was looked at before."""
    keyed = [one for one in named if one[1] is not None]
    if len(keyed) > len(set(keyed)):
        raise ConflictError("one key is given to two records of a scope; give it to one of them")


def _begun(record: Record, moment: datetime, last: int) -> Record:
    fresh = record.created_at == record.updated_at  # the caller named no time
    created = moment if fresh else record.created_at
    return replace(record, created_at=created, updated_at=moment, version=last + 1)


_NOTE = fixed(
    update(records)
    .where(records.c.id == bindparam("noted_id"))
    .values(value=bindparam("new"), checksum=bindparam("new_sum"))
)


@functools.cache
def _renewed(dialect: Dialect, kind: Shape) -> Update:
    return fixed(
        update(records)
        .where(records.c.id == bindparam("id"), live_in_scopes(kind, dialect))
        .values(expires_at=bindparam("expires"))
    )
