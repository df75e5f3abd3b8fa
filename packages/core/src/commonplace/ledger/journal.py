"""`Journal`: the journal as a view reads it."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, bindparam, func, select, union

from commonplace.clock import from_micros
from commonplace.jsonvalue import load_json
from commonplace.ledger.driver import fixed
from commonplace.ledger.functions import NO_LIMIT
from commonplace.ledger.schema import ERASED, ROOT_SCOPE_ID, journal, records, scope_tree, versions
from commonplace.record import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import CompoundSelect, Row

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query
    from commonplace.scope import Scope

_LAST = 2**63 - 1
_OTHER = "target"
"""What a detail calls the other record that an event is about."""


class Journal:
    """The journal, within one transaction.

    Args:
        connection: the transaction's.
        dialect: how the database spells what differs.
        scope_ids: the scopes as the transaction sees them.
    """

    def __init__(self, connection: DriverConnection, dialect: Dialect, scope_ids: ScopeIds) -> None:
        self._connection = connection
        self._dialect = dialect
        self._scopes = scope_ids

    def events(
        self,
        scope_ids: Sequence[int],
        operations: Sequence[str],
        *,
        after: int,
        upto: int = _LAST,
        limit: int = NO_LIMIT,
    ) -> list[Event]:
        """The events at or below some scopes, oldest first.

        An event that names another record, such as the target of a link, does so only if that
        record lies or once lay there too.

        Args:
            scope_ids: the scopes; empty for no event.
            operations: only these; empty for all.
            after: only later ones than this sequence number.
            upto: only up to this one.
            limit: how many at most.
        """
        query = _events(self._dialect, everywhere=_is_root(scope_ids), all_of_them=not operations)
        values = self._values(scope_ids, operations, after, upto)
        rows = self._connection.execute(query, {**values, "most": limit}).all()
        self._scopes.load({row.scope_id for row in rows})
        found = [_event(row, self._scopes.scope(row.scope_id)) for row in rows]
        return found if _is_root(scope_ids) else self._without_strangers(found, scope_ids)

    def count(self, scope_ids: Sequence[int], operations: Sequence[str], *, after: int) -> int:
        """How many events there are; the arguments are those of `events`."""
        query = _count(self._dialect, everywhere=_is_root(scope_ids), all_of_them=not operations)
        found: int = self._connection.execute(
            query, self._values(scope_ids, operations, after, _LAST)
        ).scalar()
        return found

    def erasure(self, receipt_id: str) -> dict[str, Any] | None:
        """What the journal says of the erasure with this receipt, or None."""
        found = self._connection.execute(_ERASURE, {"receipt": receipt_id}).scalar()
        return None if found is None else load_json(found)

    def _without_strangers(self, events: list[Event], scope_ids: Sequence[int]) -> list[Event]:
        named = {str(event.detail[_OTHER]) for event in events if _OTHER in event.detail}
        if not named:
            return events
        values = {"ids": self._dialect.array(named), "scope_ids": self._dialect.array(scope_ids)}
        known = set(self._connection.execute(_known(self._dialect), values).scalars())
        return [
            event if event.detail.get(_OTHER) in known else _without_other(event)
            for event in events
        ]

    def _values(
        self, scope_ids: Sequence[int], operations: Sequence[str], after: int, upto: int
    ) -> dict[str, Any]:
        values: dict[str, Any] = {"after": after, "upto": upto}
        if not _is_root(scope_ids):
            values["scope_ids"] = self._dialect.array(scope_ids)
        if operations:
            values["operations"] = self._dialect.array(operations)
        return values


def _is_root(scope_ids: Sequence[int]) -> bool:
    return ROOT_SCOPE_ID in scope_ids


def _event(row: Row[Any], scope: Scope) -> Event:
    return Event(
        seq=row.seq,
        at=from_micros(row.at),
        operation=row.operation,
        record_id=row.record_id,
        scope=scope,
        version=row.version,
        detail=load_json(row.detail) if row.detail else {},
    )


def _without_other(event: Event) -> Event:
    rest = {name: part for name, part in event.detail.items() if name != _OTHER}
    return replace(event, detail=rest)


# Statements of fixed shape are built once: building one costs as much as running it.
_ERASURE = fixed(
    select(journal.c.detail).where(
        journal.c.operation == "erase", journal.c.record_id == bindparam("receipt")
    )
)


@functools.cache
def _events(dialect: Dialect, *, everywhere: bool, all_of_them: bool) -> Query:
    columns = ("seq", "at", "operation", "record_id", "scope_id", "version", "detail")
    return fixed(
        select(*(journal.c[name] for name in columns))
        .where(*_wanted(dialect, everywhere=everywhere, all_of_them=all_of_them))
        .order_by(journal.c.seq)
        .limit(bindparam("most"))
    )


@functools.cache
def _count(dialect: Dialect, *, everywhere: bool, all_of_them: bool) -> Query:
    wanted = _wanted(dialect, everywhere=everywhere, all_of_them=all_of_them)
    return fixed(select(func.count()).select_from(journal).where(*wanted))


def _wanted(dialect: Dialect, *, everywhere: bool, all_of_them: bool) -> list[ColumnElement[bool]]:
    found = [
        journal.c.seq > bindparam("after"),
        journal.c.seq <= bindparam("upto"),
        journal.c.record_id != ERASED,
    ]
    if not everywhere:
        found.append(_within(journal.c.scope_id, dialect))
    if not all_of_them:
        found.append(dialect.among(journal.c.operation, "operations"))
    return found


@functools.cache
def _known(dialect: Dialect) -> CompoundSelect[Any]:
    """Those of some records that lie in the scopes now, or did in a state that is kept."""
    return fixed(
        union(
            *(
                select(table.c.id).where(
                    dialect.among(table.c.id, "ids"), _within(table.c.scope_id, dialect)
                )
                for table in (records, versions)
            )
        )
    )


def _within(column: ColumnElement[int], dialect: Dialect) -> ColumnElement[bool]:
    contained = dialect.among(scope_tree.c.ancestor_id, "scope_ids")
    return column.in_(select(scope_tree.c.scope_id).where(contained))
