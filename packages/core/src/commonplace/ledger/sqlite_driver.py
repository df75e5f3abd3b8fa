"""`SqliteConnection`: runs fixed statements on SQLite's driver, all others through SQLAlchemy."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from commonplace.ledger.driver import (
    DriverConnection,
    Result,
    compiled_statements,
    is_fixed,
    positions,
    row_type,
)
from commonplace.ledger.sealing import stored
from commonplace.ledger.sqlite import reraise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection

    from commonplace.encryption import Keyring
    from commonplace.errors import CommonplaceError

_AT_ONCE = 500
_EPOCH = "SELECT max(number) FROM erasures"
_NAMED = SQLiteDialect(paramstyle="named")
_POSITIONAL = SQLiteDialect(paramstyle="qmark")


class _Compiled:
    """A statement as SQLite is given it."""

    __slots__ = ("constants", "rows", "text")

    def __init__(self, text: str, constants: Mapping[str, Any]) -> None:
        self.text = stored(text)
        self.constants = constants
        self.rows: Any = None


_COMPILED: dict[Any, _Compiled] = compiled_statements()


class SqliteConnection(DriverConnection):
    """A connection that runs fixed statements on the driver and all others through SQLAlchemy.

    Args:
        connection: where both run; a transaction has begun on it.
        translate: the error of ours for one of the driver's.
        keyring: opens and seals what the ledger stores sealed; None if it seals nothing.
    """

    def __init__(
        self,
        connection: Connection,
        translate: Callable[[Any], CommonplaceError | None],
        keyring: Keyring | None = None,
    ) -> None:
        super().__init__(translate, keyring)
        self._connection = connection
        self._driver: Any = connection.connection.driver_connection

    def execute(self, statement: Any, values: Any = None) -> Any:
        """Run a statement; a list of values runs it once for each."""
        compiled = _COMPILED.get(statement)
        if compiled is None:
            if not is_fixed(statement):
                return self._connection.execute(statement, values)
            compiled = _COMPILED[statement] = _compile(statement, values)
        try:
            return self._run(compiled, values)
        except sqlite3.Error as error:
            reraise(error, self._translate)

    def epoch(self) -> int:
        """How many erasures there were; a third of the work that `execute` takes."""
        try:
            return self._driver.execute(_EPOCH).fetchone()[0] or 0
        except sqlite3.Error as error:
            reraise(error, self._translate)

    def stream(
        self,
        statement: Any,
        values: Mapping[str, Any],
        *,
        whole: bool = False,  # noqa: ARG002 - SQLite's rows come one by one in any case
    ) -> Iterator[list[Any]]:
        """The rows of a select, some hundred at a time, for those that would fill the memory."""
        compiled = _COMPILED.get(statement)
        if compiled is None:
            compiled = _compile(statement, values)
            if is_fixed(statement):
                _COMPILED[statement] = compiled
        try:
            cursor = self._driver.execute(compiled.text, {**compiled.constants, **values})
            rows_of = row_type(tuple(column[0] for column in cursor.description))
            while rows := cursor.fetchmany(_AT_ONCE):
                yield list(map(rows_of._make, rows))
        except sqlite3.Error as error:
            reraise(error, self._translate)

    def _run(self, compiled: _Compiled, values: Any) -> Result:
        if isinstance(values, list):
            cursor = self._driver.executemany(compiled.text, values)
        else:
            cursor = self._driver.execute(compiled.text, {**compiled.constants, **(values or {})})
        if cursor.description is None:
            return Result([], cursor.rowcount)
        if compiled.rows is None:
            compiled.rows = row_type(tuple(column[0] for column in cursor.description))
        return Result(list(map(compiled.rows._make, cursor.fetchall())), -1)


def _compile(statement: Any, values: Any) -> _Compiled:
    names = positions(statement)
    if names is not None:
        compiled = statement.compile(dialect=_POSITIONAL, column_keys=list(names))
        if list(compiled.positiontup) != list(names):
            raise ValueError("columns are given in the order of the table")
        return _Compiled(str(compiled), {})
    keys: list[str] | None = None
    if getattr(statement, "is_insert", False):
        rows = cast("list[dict[str, Any]]", values if isinstance(values, list) else [values])
        keys = list(rows[0])
    compiled = statement.compile(dialect=_NAMED, column_keys=keys)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    return _Compiled(str(compiled), constants)
