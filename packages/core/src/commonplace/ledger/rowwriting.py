"""`RowWriter`: rows of records with all that goes with them: vectors, text, counts, journal."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Delete, bindparam, case, delete, func, insert, select, update

from commonplace.drafts import OWN_SPACE
from commonplace.errors import ConflictError
from commonplace.failpoints import reach
from commonplace.jsonvalue import dump_json
from commonplace.ledger.driver import fixed, positional
from commonplace.ledger.entries import event, has_text, new_event, vector_rows
from commonplace.ledger.fulltext import scope_tokens
from commonplace.ledger.history import History
from commonplace.ledger.links import LinkWriter
from commonplace.ledger.quotas import QUOTAS, SETTING, quotas
from commonplace.ledger.rows import row_of
from commonplace.ledger.schema import FINDABLE, records, settings, spaces, vectors
from commonplace.ledger.sealing import Sealer
from commonplace.ledger.snapshot import Snapshot
from commonplace.ledger.threadwriting import ThreadWriter
from commonplace.ledger.vectorreading import SPACES

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Row

    from commonplace.jsonvalue import JsonValue
    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.entries import Entry
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query
    from commonplace.ledger.vectorreading import Space
    from commonplace.scope import Scope

    Matrix = NDArray[np.float32]


class Change(NamedTuple):
    """New columns and vectors in place of a row's, in the spaces of `only` or in all."""

    row: Row[Any]
    new: Mapping[str, Any]
    vectors: list[dict[str, Any]]
    only: frozenset[int] | None = None

    @property
    def moves(self) -> bool:
        """Whether the record goes to another scope."""
        return self.new["scope_id"] != self.row.scope_id

    @property
    def moves_text(self) -> bool:
        """Whether the full-text index is to be told."""
        row, new = self.row, self.new
        return any(getattr(row, name) != new[name] for name in ("content", "scope_id", "has_text"))

    @property
    def counts(self) -> list[tuple[int, int]]:
        """How the counts of scopes change."""
        return [(self.row.scope_id, -1), (self.new["scope_id"], 1)] if self.moves else []

    def events(self, operation: str, held: int, now: int) -> list[dict[str, Any]]:
        """The journal entries; the row had so many vectors."""
        moved = [event(self.row, "move", 0, now)] if self.moves else []
        return [*moved, {**new_event(self.new, now), "operation": operation, "vectors": held}]


class RowWriter(Snapshot):
    """Writes records, whatever made them so. The rules are those of `Transaction`."""

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        scope_ids: ScopeIds,
        keep_versions: int | None,
    ) -> None:
        super().__init__(connection, dialect, scope_ids)
        keyring = connection.keyring
        self._sealer = None if keyring is None else Sealer(keyring, scope_ids)
        self.former = History(connection, dialect, scope_ids, keep_versions)
        self._spaces_seen: dict[str, Space] = {}
        connection.expect(SPACES)
        connection.expect(SETTING, {"name": QUOTAS})

    @property
    def links(self) -> LinkWriter:
        """The links between records, to be written too."""
        return LinkWriter(self._connection, self._dialect, self._log, self._sealer)

    @property
    def threads(self) -> ThreadWriter:
        """The conversations, to be written too."""
        load = self._scopes.load
        return ThreadWriter(self._connection, self._dialect, self._record, load, self._sealer)

    def remove(self, pks: Sequence[int], *, operation: str, now: int) -> int:
        """Delete records with vectors, full text, links and places in threads; how many there were.

        Their last states stay in the history, unless they expired: then nothing of them stays.
        Of those that are erased the journal says nothing here.
        """
        array = {"pks": self._dialect.array(pks)}
        self.former.expect_keep()
        rows = self._rows(_leaving(self._dialect), array)
        if not rows:
            return 0
        held = self._vectors_held(pks)
        if operation == "expire":
            self.former.forget_all(row.pk for row in rows)
        elif operation != "erase":
            self.former.keep(rows, by=operation, at=now)
        reach("remove.after_history")
        self._forget_text(rows)
        self._drop_vectors(pks)
        reach("remove.after_vectors")
        self.links.forget(row.id for row in rows)
        self.threads.forget_places(pks)
        self._connection.execute(_delete_records(self._dialect), array)
        self._count({row.pk: (row.scope_id, -1) for row in rows}.values())
        if operation != "erase":
            self._log([event(row, operation, held.get(row.pk, 0), now) for row in rows])
        return len(rows)

    def set_setting(self, name: str, value: str) -> None:
        """Keep something under a name."""
        self._connection.execute(_FORGET_SETTING, {"old": name})
        self._connection.execute(_KEEP_SETTING, {"name": name, "value": value})

    def swap_setting(self, name: str, old: str | None, new: str) -> bool:
        """Keep something under a name in place of what was there; False if that is another.

        Args:
            name: of what is kept.
            old: what is there, None for nothing.
            new: what is to be there.
        """
        if old is None:
            if self.setting(name) is not None:
                return False
            self.set_setting(name, new)
            return True
        swap = {"old": name, "known": old, "new": new}
        return self._connection.execute(_SWAP_SETTING, swap).rowcount == 1

    def set_quota(self, scope: Scope, records: int | None) -> None:
        """Say how many records there may be at a scope and below it; None for any number."""
        allowed = {**quotas(self._connection), scope.path: records}
        kept: JsonValue = {path: most for path, most in allowed.items() if most is not None}
        self.set_setting(QUOTAS, dump_json(kept))

    def _rows_by_id(self, ids: Sequence[str]) -> dict[str, Row[Any]]:
        if not ids:
            return {}
        wanted = {"ids": self._dialect.array(ids)}
        return {row.id: row for row in self._rows(_by_id(self._dialect), wanted)}

    def _rewrite(
        self,
        states: Sequence[tuple[Row[Any], Entry, int]],
        now: int,
        *,
        keep_vectors: bool,
        operation: str = "update",
    ) -> None:
        """Put new states in place of different rows, each at a scope.

        Vectors of spaces that an entry does not name stay if asked.
        """
        self.former.keep([row for row, _, _ in states], by=operation, at=now)
        changes = [
            Change(
                row,
                {"pk": row.pk, **self._row_of(entry, place)},
                vector_rows([(row.pk, entry)]),
                frozenset(entry.vectors) if keep_vectors else None,
            )
            for row, entry, place in states
        ]
        self._overwrite_rows(changes, now, operation=operation)

    def _overwrite_rows(
        self, changes: Sequence[Change], now: int, *, operation: str = "update"
    ) -> None:
        """Put new columns and vectors in place of those of different rows."""
        if not changes:
            return
        held = self._vectors_held([change.row.pk for change in changes])
        self._check_places(changes)
        for only in dict.fromkeys(change.only for change in changes):
            pks = [change.row.pk for change in changes if change.only == only]
            self._drop_vectors(pks, only=only)
        moved = [change for change in changes if change.moves_text]
        self._forget_text(change.row for change in moved)
        new = self._stored([change.new for change in changes])
        updates = [
            {**row, "old_pk": change.row.pk} for row, change in zip(new, changes, strict=True)
        ]
        self._connection.execute(_UPDATE_RECORD, updates)
        if self._sealer is not None:
            self.links.seal_again([change.row.id for change in changes if change.moves])
        self._add_vectors([row for change in changes for row in change.vectors])
        self._index_text(change.new for change in moved)
        self._count(one for change in changes for one in change.counts)
        self._log(
            [
                one
                for change in changes
                for one in change.events(operation, held.get(change.row.pk, 0), now)
            ]
        )

    def _check_places(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.moves and self.threads.keeps(change.row.pk):
                raise ConflictError(
                    f"record {change.row.id!r} is a message and stays in the scope of its thread; "
                    "share it, or add a record of its text there"
                )

    def _insert_begun(self, fresh: Sequence[tuple[Entry, int]], now: int, *, operation: str) -> int:
        """Write new records; the number of the first, the others follow it."""
        first = self._dialect.next_pk(self._connection)
        if not fresh:
            return first
        rows = [
            {"pk": pk, **self._row_of(entry, place)}
            for pk, (entry, place) in enumerate(fresh, first)
        ]
        self._connection.execute(_INSERT_RECORD, _tuples(self._stored(rows), _COLUMNS))
        numbered = zip((row["pk"] for row in rows), (entry for entry, _ in fresh), strict=True)
        self._inserted(rows, vector_rows(numbered), now, operation=operation)
        self._dialect.took_pks(self._connection, rows[-1]["pk"])
        return first

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
        self._log([{**new_event(row, now), "operation": operation} for row in rows])

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
            if row["has_text"] == FINDABLE
        ]
        if texts:
            self._dialect.insert_text(self._connection, texts)

    def _forget_text(self, rows: Iterable[Row[Any]]) -> None:
        texts = [
            self._text(row.pk, row.content, row.scope_id)
            for row in rows
            if row.has_text == FINDABLE
        ]
        if texts:
            self._dialect.delete_text(self._connection, texts)

    def _row_of(self, entry: Entry, place: int) -> dict[str, Any]:
        """The columns of a record but `pk`, not sealed yet."""
        row = row_of(entry.record, place, full_text=has_text(entry))
        return row if self._sealer is None else self._sealer.marked(row)

    def _stored(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Rows of `records` or `versions` as they are stored."""
        return rows if self._sealer is None else [self._sealer.state(row) for row in rows]

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
            self._dialect.log(self._connection, events)

    def _scope_of(self, row: Row[Any]) -> Scope:
        return self._scopes.scope(row.scope_id)


def _tuples(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    return [tuple(map(row.get, names)) for row in rows]


# Statements of fixed shape are built once: building one costs as much as running it.
_COLUMNS = [column.name for column in records.c]

_INSERT_RECORD = positional(records.insert(), _COLUMNS)

_INSERT_VECTOR = fixed(vectors.insert())

_FORGET_SETTING = fixed(delete(settings).where(settings.c.name == bindparam("old")))
_KEEP_SETTING = fixed(insert(settings))
_SWAP_SETTING = fixed(
    update(settings)
    .where(settings.c.name == bindparam("old"), settings.c.value == bindparam("known"))
    .values(value=bindparam("new"))
)

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
def _by_id(dialect: Dialect) -> Query:
    return fixed(select(records).where(dialect.among(records.c.id, "ids")))


@functools.cache
def _leaving(dialect: Dialect) -> Query:
    """Records with what removing them takes: no sealed text, which would take a key."""
    columns = ("pk", "id", "scope_id", "version", "expires_at", "has_text")
    indexed = case((records.c.has_text == FINDABLE, records.c.content)).label("content")
    return fixed(
        select(*(records.c[name] for name in columns), indexed).where(
            dialect.among(records.c.pk, "pks")
        )
    )


@functools.cache
def _delete_records(dialect: Dialect) -> Delete:
    return fixed(delete(records).where(dialect.among(records.c.pk, "pks")))


@functools.cache
def _delete_vectors(dialect: Dialect) -> Delete:
    return fixed(
        delete(vectors).where(
            vectors.c.space_id == bindparam("space_id"), dialect.among(vectors.c.record_pk, "pks")
        )
    )


@functools.cache
def _vectors_held(dialect: Dialect) -> Query:
    return fixed(
        select(vectors.c.record_pk, func.count().label("held"))
        .where(
            vectors.c.space_id == bindparam("space_id"), dialect.among(vectors.c.record_pk, "pks")
        )
        .group_by(vectors.c.record_pk)
    )
