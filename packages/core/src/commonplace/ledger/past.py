"""`PastSnapshot`: what can be read from a ledger as it was at an earlier moment.

The records of a moment are the present ones that have not changed since, and the versions that were
replaced later. Every statement of `Snapshot` reads the two together in place of `records`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Table,
    bindparam,
    desc,
    func,
    select,
    union_all,
)

from commonplace.ledger.driver import fixed, is_fixed
from commonplace.ledger.replacing import replaced
from commonplace.ledger.schema import records, vectors, version_vectors, versions
from commonplace.ledger.selection import condition, parameters
from commonplace.ledger.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Query, Selection

_AS_OF: ColumnElement[int] = bindparam("as_of", type_=BigInteger)


def _stood(table: Table) -> list[ColumnElement[bool]]:
    """The condition that a state in `records` or `versions` was the present one at the moment."""
    begun = table.c.updated_at <= _AS_OF
    return [begun] if table is records else [begun, table.c.replaced_at > _AS_OF]


def _states(table: Table) -> Query:
    return select(*(table.c[name] for name in records.c.keys())).where(*_stood(table))  # noqa: SIM118 - a collection of columns, not a dict


def _vectors(table: Table, owner: str) -> Query:
    columns = (table.c.space_id, table.c[owner].label("record_pk"), table.c.ordinal, table.c.vector)
    return select(*columns)


_PAST: dict[Table, FromClause] = {
    records: union_all(_states(records), _states(versions)).subquery("states"),
    vectors: union_all(
        _vectors(vectors, "record_pk"), _vectors(version_vectors, "version_pk")
    ).subquery("state_vectors"),
}


class PastSnapshot(Snapshot):
    """A consistent view of the ledger as it was at a moment. Made by `Ledger.read(as_of=...)`."""

    def __init__(
        self, connection: DriverConnection, dialect: Dialect, scope_ids: ScopeIds, as_of: int
    ) -> None:
        super().__init__(_PastConnection(connection, as_of), dialect, scope_ids)  # pyright: ignore[reportArgumentType] - it runs the same statements
        self._present = connection
        self._as_of = as_of

    def total(self, selection: Selection) -> int:
        """How many records lay in the selected scopes, whatever the rest of the selection says."""
        return self._counted(selection.widened)

    def count(self, selection: Selection) -> int:
        """How many records were selected."""
        return self._counted(self.flattened(selection))

    def matching_text(
        self, words: Sequence[str], selection: Selection, limit: int
    ) -> list[tuple[int, float]]:
        """As in `Snapshot`; the texts of versions lie in a full-text index of their own."""
        values = self._text_values(words, selection)
        if values is None:
            return []
        values |= {"as_of": self._as_of, "most": limit}
        rows = [
            row
            for table in (records, versions)
            for row in self._present.execute(self._matching_in(table, selection), values)
        ]
        rows.sort(key=lambda row: (-row.score, -row.created_at, row.id))
        return [(row.pk, row.score) for row in rows[:limit]]

    def text_count(self, words: str, selection: Selection) -> int:
        """As in `Snapshot`, of the present texts: an estimate for the earlier moment."""
        values = self._text_values([words], selection)
        if values is None:
            return 0
        return self._present.execute(self._dialect.text_count(), values).scalar_one()

    def _matching_in(self, table: Table, selection: Selection) -> Query:
        wanted = condition(selection, self._dialect, by_scope=False)
        return (
            self._dialect.matching_text(former=table is versions)
            .add_columns(table.c.created_at, table.c.id)
            .where(replaced(wanted, {records: table}), *_stood(table))
            .order_by(desc("score"), table.c.created_at.desc(), table.c.id)
            .limit(bindparam("most"))
        )

    def _counted(self, selection: Selection) -> int:
        wanted = condition(selection, self._dialect)
        query = select(func.count()).select_from(records).where(wanted)
        return self._connection.execute(query, parameters(selection, self._dialect)).scalar_one()


class _PastConnection:
    """Runs the statements on `records` and `vectors` on the states of a moment instead."""

    def __init__(self, connection: DriverConnection, as_of: int) -> None:
        self.keyring = connection.keyring
        self._connection = connection
        self._as_of = as_of

    def execute(self, statement: Any, values: Mapping[str, Any] | None = None) -> Any:
        return self._connection.execute(_past(statement), self._at(values or {}))

    def expect(self, statement: Any, values: Mapping[str, Any] | None = None) -> None:
        self._connection.expect(_past(statement), self._at(values or {}))

    def execute_all(self, statement: Any, values: Sequence[Any]) -> list[Any]:
        return [self.execute(statement, one) for one in values]

    def stream(
        self, statement: Any, values: Mapping[str, Any], *, whole: bool = False
    ) -> Iterator[list[Any]]:
        return self._connection.stream(_past(statement), self._at(values), whole=whole)

    def _at(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**values, "as_of": self._as_of}


_OF_THE_PAST: dict[Any, Any] = {}


def _past(statement: Any) -> Any:
    """The statement on the states of a moment; that of a fixed one is made once."""
    if not is_fixed(statement):
        return replaced(statement, _PAST)
    if statement not in _OF_THE_PAST:
        _OF_THE_PAST[statement] = fixed(replaced(statement, _PAST))
    return _OF_THE_PAST[statement]
