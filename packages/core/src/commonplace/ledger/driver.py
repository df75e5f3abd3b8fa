"""Statements of fixed shape, and `DriverConnection`, which runs them on the driver itself.

SQLAlchemy describes and compiles every statement. For those that never change, compiling happens
once for each kind of database, and running them skips its result and cache machinery, which costs
ten times what SQLite does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import namedtuple
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Executable

    from commonplace.encryption import Keyring
    from commonplace.errors import CommonplaceError

    S = TypeVar("S", bound=Executable)

_FIXED: dict[Any, tuple[str, ...] | None] = {}
_COMPILED: list[dict[Any, Any]] = []
_ROWS: dict[tuple[str, ...], Any] = {}


def fixed(statement: S) -> S:
    """The statement, marked as one whose shape never changes. Only for statements kept for good."""
    _FIXED[statement] = None
    return statement


def forgotten(statement: Executable) -> None:
    """Take the mark off a statement that is not kept any longer."""
    _FIXED.pop(statement, None)
    for compiled in _COMPILED:
        compiled.pop(statement, None)


def positional(statement: S, names: Sequence[str]) -> S:
    """An insert that takes tuples, of the named columns in the order of the table; half the work.

    Args:
        statement: an insert, kept for good.
        names: every column that is given.
    """
    _FIXED[statement] = tuple(names)
    return statement


def is_fixed(statement: object) -> bool:
    """Whether the statement was marked by `fixed`."""
    return statement in _FIXED


def positions(statement: object) -> tuple[str, ...] | None:
    """The columns of what a `positional` statement takes; None for any other."""
    return _FIXED.get(statement)


def compiled_statements() -> dict[Any, Any]:
    """A place for what one kind of database makes of fixed statements."""
    _COMPILED.append(made := dict[Any, Any]())
    return made


def row_type(names: tuple[str, ...]) -> Any:
    """The class of rows with these columns."""
    if names not in _ROWS:
        _ROWS[names] = namedtuple("Row", names, rename=True)  # noqa: PYI024  # pyright: ignore[reportUntypedNamedTuple] - the columns name the fields
    return _ROWS[names]


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


class DriverConnection(ABC):
    """A connection in a transaction, and the errors of ours for those of its driver.

    Args:
        translate: the error of ours for one of the driver's.
        keyring: opens and seals what the ledger stores sealed; None if it seals nothing.
    """

    def __init__(
        self,
        translate: Callable[[Any], CommonplaceError | None],
        keyring: Keyring | None = None,
    ) -> None:
        self.keyring = keyring
        self._translate = translate

    @abstractmethod
    def execute(self, statement: Any, values: Any = None) -> Any:
        """Run a statement; a list of values runs it once for each."""

    def execute_all(self, statement: Any, values: Sequence[Any]) -> list[Any]:
        """Run a select once for each of some values; what each found, in their order.

        Where a database is far away, this takes no longer than one of them.
        """
        return [self.execute(statement, one) for one in values]

    def expect(self, statement: Any, values: Any = None) -> None:  # noqa: B027 - nothing is to be done where the database is near
        """Say that a fixed select will likely be run, with these values, in this transaction.

        Where a database is far away, it is asked at once, with what is asked next. What is written
        to its tables before then is seen all the same.
        """

    @abstractmethod
    def epoch(self) -> int:
        """How many erasures the ledger has seen; asked by every transaction."""

    def unfinished(self) -> str | None:
        """The mark of a copy that another process has begun to make of this ledger meanwhile.

        None where a process that has the ledger open keeps others from that.
        """
        return None

    @abstractmethod
    def stream(
        self, statement: Any, values: Mapping[str, Any], *, whole: bool = False
    ) -> Iterator[list[Any]]:
        """The rows of a select, some hundred at a time, for those that would fill the memory.

        Args:
            statement: the select.
            values: its parameters.
            whole: whether they are read to their end before anything else is asked.
        """
