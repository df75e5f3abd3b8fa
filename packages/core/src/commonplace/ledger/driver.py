"""Statements of fixed shape, run on the driver itself.

SQLAlchemy describes and compiles every statement. For those that never change, compiling happens
once, and running them skips its result and cache machinery, which costs ten times what SQLite does.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from commonplace.ledger.sealing import stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Executable

    from commonplace.encryption import Keyring
    from commonplace.errors import CommonplaceError

    S = TypeVar("S", bound=Executable)

_AT_ONCE = 500
_DIALECT = SQLiteDialect(paramstyle="named")


class _Compiled(NamedTuple):
    text: str
    constants: Mapping[str, Any]


_FIXED: dict[Any, _Compiled | None] = {}
_ROWS: dict[tuple[str, ...], Any] = {}
_ROWS_OF: dict[str, Any] = {}


def fixed(statement: S) -> S:
    """The statement, marked as one whose shape never changes. Only for statements kept for good."""
    _FIXED[statement] = None
    return statement


def forgotten(statement: Executable) -> None:
    """Take the mark off a statement that is not kept any longer."""
    compiled = _FIXED.pop(statement, None)
    if compiled is not None:
        _ROWS_OF.pop(compiled.text, None)


def positional(statement: S, names: Sequence[str]) -> S:
    """An insert that takes tuples, of the named columns in the order of the table; half the work.

    Args:
        statement: an insert, kept for good.
        names: every column that is given.
    """
    build: Any = statement
    compiled = build.compile(dialect=SQLiteDialect(paramstyle="qmark"), column_keys=list(names))
    if list(compiled.positiontup) != list(names):
        raise ValueError("columns are given in the order of the table")
    _FIXED[statement] = _Compiled(stored(str(compiled)), {})
    return statement


def is_fixed(statement: object) -> bool:
    """Whether the statement was marked by `fixed`."""
    return statement in _FIXED


class Result:
    """The rows of a fixed statement, all fetched."""

    __slots__ = ("_rows", "rowcount")

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def all(self) -> list[Any]:
        """Every row."""
        return self._rows

    def first(self) -> Any:
        """The first row, or None."""
        return self._rows[0] if self._rows else None

    def scalars(self) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self._rows]

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        return self._rows[0][0] if self._rows else None

    scalar_one = scalar

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)


class DriverConnection:
    """A connection that runs fixed statements on the driver and all others through SQLAlchemy.

    Args:
        connection: where both run; a transaction has begun on it.
        translate: the error of ours for one of the driver's.
        keyring: opens and seals what the ledger stores sealed; None if it seals nothing.
    """

    def __init__(
        self,
        connection: Connection,
        translate: Callable[[sqlite3.Error], CommonplaceError | None],
        keyring: Keyring | None = None,
    ) -> None:
        self.keyring = keyring
        self._connection = connection
        self._driver: Any = connection.connection.driver_connection
        self._translate = translate

    def execute(self, statement: Any, values: Any = None) -> Any:
        """Run a statement; a list of values runs it once for each."""
        if statement not in _FIXED:
            return self._connection.execute(statement, values)
        compiled = _FIXED[statement] or _compile(statement, values)
        try:
            return self._run(compiled, values)
        except sqlite3.Error as error:
            translated = self._translate(error)
            if translated is None:
                raise
            raise translated from error

    def number(self, text: str) -> int:
        """The one number that a query of no parameters gives; 0 for none. A third of the work."""
        try:
            return self._driver.execute(text).fetchone()[0] or 0
        except sqlite3.Error as error:
            translated = self._translate(error)
            if translated is None:
                raise
            raise translated from error

    def stream(self, statement: Any, values: Mapping[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a select, some hundred at a time, for those that would fill the memory."""
        compiled = _FIXED.get(statement) or _compile(statement, values, keep=is_fixed(statement))
        try:
            cursor = self._driver.execute(compiled.text, {**compiled.constants, **values})
            row_type = _row_type(tuple(column[0] for column in cursor.description))
            while rows := cursor.fetchmany(_AT_ONCE):
                yield list(map(row_type._make, rows))
        except sqlite3.Error as error:
            translated = self._translate(error)
            if translated is None:
                raise
            raise translated from error

    def _run(self, compiled: _Compiled, values: Any) -> Result:
        if isinstance(values, list):
            cursor = self._driver.executemany(compiled.text, values)
        else:
            cursor = self._driver.execute(compiled.text, {**compiled.constants, **(values or {})})
        if cursor.description is None:
            return Result([], cursor.rowcount)
        if (row_type := _ROWS_OF.get(compiled.text)) is None:
            row_type = _row_type(tuple(column[0] for column in cursor.description))
            _ROWS_OF[compiled.text] = row_type
        return Result(list(map(row_type._make, cursor.fetchall())), -1)


def _compile(statement: Any, values: Any, *, keep: bool = True) -> _Compiled:
    keys: list[str] | None = None
    if getattr(statement, "is_insert", False):
        rows = cast("list[dict[str, Any]]", values if isinstance(values, list) else [values])
        keys = list(rows[0])
    compiled = statement.compile(dialect=_DIALECT, column_keys=keys)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    found = _Compiled(stored(str(compiled)), constants)
    if keep:
        _FIXED[statement] = found
    return found


def _row_type(names: tuple[str, ...]) -> Any:
    if names not in _ROWS:
        _ROWS[names] = namedtuple("Row", names, rename=True)  # noqa: PYI024  # pyright: ignore[reportUntypedNamedTuple] - the columns name the fields
    return _ROWS[names]
