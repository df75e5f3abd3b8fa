"""`Rotation`: seals what is stored with the key that its scope has now, a batch at a time."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, select, text, update

from commonplace.encryption import NEVER_SEALED, key_name_of
from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import FINDABLE, links, records, threads, versions
from commonplace.ledger.sealing import COLUMNS, stored_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.sealing import Sealer
    from commonplace.ledger.selection import Query

_TABLES = {table.name: stored_table(table) for table in (records, versions, threads, links)}
_ORDERED_BY = {"records": "pk", "versions": "pk", "threads": "id", "links": "id"}
_STATES = {"records", "versions"}

SEALED_TABLES = tuple(_TABLES)
"""The tables that a rotation walks through, in this order."""


class Walked(NamedTuple):
    """One batch of a rotation.

    Attributes:
        last: where the walk has come; None at its end.
        sealed: how many rows were sealed anew.
        bare: how many of them were not sealed before.
    """

    last: Any
    sealed: int
    bare: int


class Rotation:
    """Seals rows anew, within one transaction.

    Args:
        connection: the transaction's.
        dialect: how the database spells what differs.
        sealer: seals.
        tokens: the words that stand for a scope, by number, in the full-text index.
    """

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        sealer: Sealer,
        tokens: Callable[[int], str],
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._sealer = sealer
        self._tokens = tokens

    def walk(self, table: str, after: Any, most: int) -> Walked:
        """Seal the next rows of a table, those that are not sealed with their scope's key."""
        query = _first(table) if after is None else _next(table)
        rows = self._connection.execute(query, {"after": after, "most": most}).all()
        found: Counter[str] = Counter()
        for row in rows:
            scope_ids = self._scope_ids(table, row)
            name = self._sealer.key_for(scope_ids)
            if name is not None and (names := _other_keys(table, row, name)):
                self._seal(table, row, scope_ids)
                found["sealed"] += 1
                found["bare"] += None in names
        last = getattr(rows[-1], _ORDERED_BY[table]) if len(rows) == most else None
        return Walked(last, found["sealed"], found["bare"])

    def forget_traces(self) -> None:
        """Merge what is left in the full-text index, so that no trace of what was there stays."""
        for name in ("full_text", "version_text"):
            self._connection.execute(text(f"INSERT INTO {name}({name}) VALUES ('optimize')"))  # noqa: S608 - our own names

    def _scope_ids(self, table: str, row: Any) -> list[int]:
        if table != "links":
            return [row.scope_id]
        ends = {"ids": self._dialect.array([row.source_id, row.target_id])}
        places = {
            end.id: end.scope_id for end in self._connection.execute(_ends(self._dialect), ends)
        }
        return [places[end] for end in (row.source_id, row.target_id) if end in places]

    def _seal(self, table: str, row: Any, scope_ids: Sequence[int]) -> None:
        plain = self._sealer.opened(table, row._asdict())
        if table in _STATES:
            if row.has_text == FINDABLE:
                gone = {
                    "pk": row.pk,
                    "content": plain["content"],
                    "scopes": self._tokens(row.scope_id),
                }
                self._dialect.delete_text(self._connection, [gone], former=table == "versions")
            plain = self._sealer.marked(plain)
        sealed = self._sealer.row(table, plain, scope_ids)
        changed = {f"new_{name}": sealed[name] for name in _changing(table)}
        number = getattr(row, _ORDERED_BY[table])
        self._connection.execute(_update(table), {**changed, "number": number})


def _other_keys(table: str, row: Any, name: str) -> set[str | None]:
    """The names of the keys that a row is sealed with but should not be; None for a bare text."""
    names: set[str | None] = set()
    for column in COLUMNS[table]:
        cell = getattr(row, column)
        if isinstance(cell, bytes):
            names.add(key_name_of(cell))
        elif cell is not None and cell not in NEVER_SEALED:
            names.add(None)
    return names - {name}


def _changing(table: str) -> tuple[str, ...]:
    derived = ("content_hash", "has_text", "checksum") if table in _STATES else ()
    return (*COLUMNS[table], *derived)


# Statements of fixed shape are built once: building one costs as much as running it.
@functools.cache
def _first(table: str) -> Query:
    stored = _TABLES[table]
    return fixed(select(stored).order_by(stored.c[_ORDERED_BY[table]]).limit(bindparam("most")))


@functools.cache
def _next(table: str) -> Query:
    stored = _TABLES[table]
    key = stored.c[_ORDERED_BY[table]]
    return fixed(
        select(stored).where(key > bindparam("after")).order_by(key).limit(bindparam("most"))
    )


@functools.cache
def _update(table: str) -> Any:
    stored = _TABLES[table]
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _changing(table)}
    key = stored.c[_ORDERED_BY[table]]
    return fixed(update(stored).where(key == bindparam("number")).values(values))


@functools.cache
def _ends(dialect: Dialect) -> Query:
    named = dialect.among(records.c.id, "ids")
    return fixed(select(records.c.id, records.c.scope_id).where(named))
