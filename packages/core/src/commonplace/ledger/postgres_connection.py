"""`PostgresConnection`: runs every statement on the wire, many without waiting for the last."""

from __future__ import annotations

import functools
import itertools
import re
import struct
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import Float, Integer, LargeBinary, Table
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.postgresql.base import PGCompiler
from sqlalchemy.sql import visitors

from commonplace.ledger.driver import (
    DriverConnection,
    Result,
    compiled_statements,
    is_fixed,
    positions,
    row_type,
)
from commonplace.ledger.postgres_text import array_of_numbers, array_of_texts, written
from commonplace.ledger.postgres_wire import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from commonplace.encryption import Keyring
    from commonplace.errors import CommonplaceError
    from commonplace.ledger.postgres_wire import Reply, Wire

_AT_ONCE = 2000
_TEXTS = ("TEXT", "VARCHAR")
_PARAMETER = re.compile(r"\$(\d+)::(\w+)")
_BYTES = 17
"""The number of the type `bytea`."""


class _Compiler(PGCompiler):
    """Writes integers as the largest there are: which column one is for, it need not fit."""

    def render_bind_cast(self, type_: Any, dbapi_type: Any, sqltext: str) -> str:
        if isinstance(dbapi_type, Integer):
            return f"{sqltext}::BIGINT"
        rendered: str = super().render_bind_cast(type_, dbapi_type, sqltext)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - SQLAlchemy leaves a parameter untyped
        return rendered


class _Dialect(PGDialect_asyncpg):
    """For its `$1`, `$2` and casts alone; the driver is another."""

    statement_compiler = _Compiler
    supports_statement_cache = True


_DIALECT = _Dialect()


def _is_table(part: object) -> bool:
    return isinstance(part, Table)


class _Compiled:
    """A statement as PostgreSQL is given it."""

    __slots__ = ("constants", "names", "rows", "tables", "text")

    def __init__(self, text: str, names: Sequence[str], constants: Mapping[str, Any]) -> None:
        self.text = text
        self.names = names
        self.constants = constants
        self.rows: Any = None
        self.tables: frozenset[Any] | None = None

    def read(self, statement: Any) -> frozenset[Any]:
        """The tables that the statement, which this is of, reads."""
        if self.tables is None:
            parts = filter(_is_table, visitors.iterate(statement))
            self.tables = frozenset(parts)
        return self.tables


_COMPILED: dict[Any, _Compiled] = compiled_statements()
_INSERTS: dict[Any, dict[tuple[str, ...], str]] = compiled_statements()


class Scalars(list[Any]):
    """The first column of every row."""

    def all(self) -> list[Any]:
        """The same, as SQLAlchemy has it."""
        return self


class Rows:
    """The rows of a statement, taken when somebody looks."""

    __slots__ = ("_check", "_compiled", "_reply", "_rows")

    def __init__(
        self, reply: Reply, compiled: _Compiled, check: Callable[[WireError], CommonplaceError]
    ) -> None:
        self._reply = reply
        self._compiled = compiled
        self._check = check
        self._rows: list[Any] | None = None

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        try:
            return self._reply.wire.result(self._reply).command_tuples or 0
        except WireError as error:
            raise self._check(error) from error

    def all(self) -> list[Any]:
        """Every row."""
        if self._rows is None:
            try:
                self._rows = self._taken()
            except WireError as error:
                raise self._check(error) from error
        return self._rows

    def first(self) -> Any:
        """The first row, or None."""
        rows = self.all()
        return rows[0] if rows else None

    one = first

    def scalars(self) -> Scalars:
        """The first column of every row."""
        return Scalars([row[0] for row in self.all()])

    def scalar(self) -> Any:
        """The first column of the first row, or None."""
        rows = self.all()
        return rows[0][0] if rows else None

    scalar_one = scalar

    def __iter__(self) -> Iterator[Any]:
        return iter(self.all())

    def _taken(self) -> list[Any]:
        wire, compiled = self._reply.wire, self._compiled
        if compiled.rows is None:
            compiled.rows = row_type(wire.columns(self._reply))
        return wire.rows(self._reply, compiled.rows._make)


class _Expected(NamedTuple):
    """What was asked before it is wanted."""

    values: Any
    rows: Rows


class PostgresConnection(DriverConnection):
    """A connection within a transaction.

    Args:
        wire: where the transaction has begun.
        translate: the error of ours for one of the wire's.
        keyring: opens and seals what the ledger stores sealed; always None so far.
        begun: what was asked with its beginning: the epoch, and for a writer where numbers go on.
    """

    def __init__(
        self,
        wire: Wire,
        translate: Callable[[WireError], CommonplaceError],
        keyring: Keyring | None,
        begun: Reply,
    ) -> None:
        super().__init__(translate, keyring)
        self._refused = translate
        self._wire = wire
        self._begun = Rows(begun, _Compiled("", (), {}), translate)
        self._cursors = 0
        self._last_seq: int | None = None
        self._last_pk: int | None = None
        self._expected: dict[Any, _Expected] = {}

    def execute(self, statement: Any, values: Any = None) -> Any:
        """Run a statement; a list of values runs it once for each."""
        if self._expected:
            if (table := getattr(statement, "table", None)) is not None:
                self._changes(table)
            elif (found := self._foreseen(statement, values)) is not None:
                return found
        if isinstance(values, list):
            return self._run_each(statement, cast("list[Any]", values))
        inserts = getattr(statement, "is_insert", False)
        if inserts and values and not statement._returning:  # noqa: SLF001 - nothing else tells
            return self._run_each(statement, [values])
        if is_fixed(statement):
            return self._ask(self._compiled(statement, values), values)
        if statement.get_execution_options().get("yield_per"):
            return self._walk(statement, values or {})
        return self._ask_once(statement, values or {})

    def execute_all(self, statement: Any, values: Sequence[Any]) -> list[Any]:
        """Run a select once for each of some values, in one statement where they are no arrays."""
        compiled = self._compiled(statement, None)
        if len(values) < 2 or "[]" in compiled.text:  # noqa: PLR2004 - one alone is run as it is
            return [self._ask(compiled, one) for one in values]
        given = ({**compiled.constants, **one} for one in values)
        columns = zip(*([one[name] for name in compiled.names] for one in given), strict=True)
        text, kinds = _for_each(compiled.text)
        arrays = [
            array_of_texts(column) if kind in _TEXTS else array_of_numbers(column)
            for kind, column in zip(kinds, columns, strict=True)
        ]
        found: list[list[Any]] = [[] for _ in values]
        for row in self.tell(text, *arrays):
            found[row.asked - 1].append(row)
        return [Result(rows, len(rows)) for rows in found]

    def expect(self, statement: Any, values: Any = None) -> None:
        """Ask what will be asked, with what is asked next."""
        if is_fixed(statement):  # another would be kept, compiled, for good
            asked = self._ask(self._compiled(statement, values), values)
            self._expected[statement] = _Expected(values, asked)

    def epoch(self) -> int:
        """How many erasures there were."""
        return self._begun.all()[0][0] or 0

    def unfinished(self) -> str | None:
        """The mark of a copy that another host makes of this ledger."""
        mark: str | None = self._begun.all()[0][3]
        return mark

    @property
    def logged(self) -> bool:
        """Whether something was written to the journal."""
        return self._last_seq is not None

    def last_pk(self) -> int:
        """The highest number that a record ever had."""
        return self._begun.all()[0][1] if self._last_pk is None else self._last_pk

    def took_pks(self, statement: str, last: int) -> None:
        """Let numbers go on after `last`."""
        self._last_pk = last
        self.tell(statement, last)

    def next_seqs(self, count: int) -> int:
        """The first of so many numbers of journal entries, which are used up by this."""
        last: int = self._begun.all()[0][2] or 0
        if self._last_seq is not None:
            last = self._last_seq
        self._last_seq = last + count
        return last + 1

    def stream(
        self, statement: Any, values: Mapping[str, Any], *, whole: bool = False
    ) -> Iterator[list[Any]]:
        """The rows of a select, some hundred at a time, for those that would fill the memory."""
        if whole:
            yield self.execute(statement, values).all()
            return
        if is_fixed(statement):
            compiled = self._compiled(statement, values)
            given = {**compiled.constants, **values}
            text, sent = compiled.text, [given[name] for name in compiled.names]
        else:
            text, sent = _one_time(statement, values)
        self._cursors += 1
        name = f"walk_{self._cursors}"
        self._send(f"DECLARE {name} NO SCROLL CURSOR FOR {text}", sent, keep=False)
        compiled = _Compiled(f"FETCH {_AT_ONCE} FROM {name}", (), {})
        while rows := self._ask(compiled, None, keep=False).all():
            yield rows
            if len(rows) < _AT_ONCE:
                break
        self._send(f"CLOSE {name}", (), keep=False)

    def tell(self, text: str, *values: Any) -> Rows:
        """Run a statement of PostgreSQL's own; its values are `$1`, `$2` and so on."""
        reply = self._send(text, values, keep=True)
        return Rows(reply, _Compiled(text, (), {}), self._refused)

    def insert(self, table: Any, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Rows:
        """Write rows of the named columns."""
        self._changes(table)
        text = _insert_text(table, names)
        columns = [
            _array(table.c[name].type, column)
            for name, column in zip(names, zip(*rows, strict=True), strict=True)
        ]
        return self.tell(text, *columns)

    def _run_each(self, statement: Any, values: list[Any]) -> Rows:
        if getattr(statement, "is_insert", False):
            names = positions(statement)
            if names is None:
                names = cast("tuple[str, ...]", tuple(values[0]))
                values = [tuple(row[name] for name in names) for row in values]
            return self.insert(statement.table, names, values)
        compiled = self._compiled(statement, None)
        for row in values[:-1]:
            self._ask(compiled, row)
        return self._ask(compiled, values[-1])

    def _foreseen(self, statement: Any, values: Any) -> Rows | None:
        """What was asked before, if it is this."""
        found = self._expected.pop(statement, None)
        return found.rows if found is not None and found.values == values else None

    def _changes(self, table: Any) -> None:
        """What was asked before of a table that is written to now is void."""
        for asked in [one for one in self._expected if table in _COMPILED[one].read(one)]:
            del self._expected[asked]

    def _compiled(self, statement: Any, values: Any) -> _Compiled:
        compiled = _COMPILED.get(statement)
        if compiled is None:
            compiled = _COMPILED[statement] = _compile(statement, values)
        return compiled

    def _ask(self, compiled: _Compiled, values: Any, *, keep: bool = True) -> Rows:
        given = {**compiled.constants, **values} if values else compiled.constants
        reply = self._send(compiled.text, [given[name] for name in compiled.names], keep=keep)
        return Rows(reply, compiled, self._refused)

    def _ask_once(self, statement: Any, values: Mapping[str, Any]) -> Rows:
        text, sent = _one_time(statement, values)
        reply = self._send(text, sent, keep=False)
        return Rows(reply, _Compiled(text, (), {}), self._refused)

    def _walk(self, statement: Any, values: Mapping[str, Any]) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.stream(statement, values))

    def _send(self, text: str, values: Sequence[Any], *, keep: bool) -> Reply:
        formats = [1 if isinstance(value, bytes) else 0 for value in values]
        try:
            return self._wire.ask(text, list(map(_sent, values)), formats, keep=keep)
        except WireError as error:
            raise self._refused(error) from error


def _compile(statement: Any, values: Any) -> _Compiled:
    keys = list(values) if values and getattr(statement, "is_insert", False) else None
    compiled = statement.compile(dialect=_DIALECT, column_keys=keys)
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    names = compiled.positiontup or ()
    constants = {**dict.fromkeys(names), **constants}
    return _Compiled(str(compiled), names, constants)


def _one_time(statement: Any, values: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """The text of a statement that is not kept, and what it is given."""
    compiled = statement.compile(dialect=_DIALECT)
    if "[POSTCOMPILE_" not in compiled.string:
        given = {**compiled.params, **values}
        return str(compiled), [given[name] for name in compiled.positiontup or ()]
    state = compiled.construct_expanded_state(dict(values))
    return state.statement, state.positional_parameters


@functools.cache
def _for_each(text: str) -> tuple[str, Sequence[str]]:
    """A select for each of some values, which come as arrays, and the type of each of them."""
    found = sorted({(int(number), kind) for number, kind in _PARAMETER.findall(text)})
    kinds = [kind for _, kind in found]
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in found)
    names = ", ".join(f"p{number}" for number, _ in found)
    each = f"unnest({arrays}) WITH ORDINALITY AS each({names}, asked)"
    asked = _PARAMETER.sub(r"each.p\1", text)
    return f"SELECT found.*, each.asked FROM {each}, LATERAL ({asked}) AS found", kinds  # noqa: S608 - our own statement


def _insert_text(table: Any, names: Sequence[str]) -> str:
    known = _INSERTS.setdefault(table, {})
    key = tuple(names)
    if key not in known:
        columns = ", ".join(key)
        arrays = ", ".join(
            f"${number}::{_type_name(table.c[name].type)}[]" for number, name in enumerate(key, 1)
        )
        known[key] = f"INSERT INTO {table.name} ({columns}) SELECT * FROM unnest({arrays})"  # noqa: S608 - our own names
    return known[key]


def _type_name(kind: Any) -> str:
    if isinstance(kind, Integer):
        return "bigint"
    if isinstance(kind, Float):
        return "float8"
    return "bytea" if isinstance(kind, LargeBinary) else "text"


def _array(kind: Any, column: Sequence[Any]) -> str | bytes:
    if isinstance(kind, Integer | Float):
        return array_of_numbers(column)
    return _array_of_bytes(column) if isinstance(kind, LargeBinary) else array_of_texts(column)


def _array_of_bytes(column: Sequence[bytes | None]) -> bytes:
    """An array of `bytea` in PostgreSQL's binary form."""
    nulls = int(None in column)
    parts = [struct.pack("!5i", 1, nulls, _BYTES, len(column), 1)]
    for one in column:
        parts += (
            (b"\xff\xff\xff\xff",) if one is None else (struct.pack("!i", len(one)), bytes(one))
        )
    return b"".join(parts)


def _sent(value: Any) -> bytes | None:
    """A value as it goes over the wire."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return written(value).encode()
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, float):
        return repr(float(value)).encode()
    return b"%d" % value
