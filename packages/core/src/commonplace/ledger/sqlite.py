"""SQLite: connections, pragmas, error names, and the SQL that only it speaks."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from sqlalchemy import (
    ColumnElement,
    Engine,
    Float,
    QueuePool,
    StaticPool,
    Text,
    bindparam,
    column,
    create_engine,
    event,
    func,
    literal_column,
    select,
    table,
    text,
    update,
)

from commonplace.analysis import searchable
from commonplace.errors import (
    CommonplaceError,
    DataDamagedError,
    EncryptionError,
    PermissionDeniedError,
    StorageFullError,
    StoreLockedError,
    StoreUnavailableError,
)
from commonplace.jsonvalue import dump_json
from commonplace.ledger import sqlite_filter
from commonplace.ledger.driver import fixed, positional
from commonplace.ledger.fulltext import match_expression
from commonplace.ledger.leaves import comparison
from commonplace.ledger.schema import FINDABLE, journal, records, scopes, versions
from commonplace.ledger.sealing import failure, refuses, stored_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Table
    from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry

    from commonplace.filters import Compare
    from commonplace.jsonvalue import JsonValue
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.selection import Query

Durability = Literal["normal", "full"]
BUSY_TIMEOUT_MS = 10_000
_PAGE_SIZE = 8192
_CACHE_KIB = 16 * 1024
_NO_TEXT = "Could not decode to UTF-8"
_LAST_PK = fixed(text("SELECT seq FROM sqlite_sequence WHERE name = 'records'"))
_CODES: dict[int, tuple[type[CommonplaceError], str]] = {
    sqlite3.SQLITE_BUSY: (
        StoreLockedError,
        (
            f"another process held the write lock for over {BUSY_TIMEOUT_MS // 1000} s; try again, "
            "and look for a writer that is stopped"
        ),
    ),
    sqlite3.SQLITE_LOCKED: (StoreLockedError, "the store is locked by this process; try again"),
    sqlite3.SQLITE_FULL: (StorageFullError, "the disk is full; free space and try again"),
    sqlite3.SQLITE_READONLY: (PermissionDeniedError, "the store cannot be written; check rights"),
    sqlite3.SQLITE_CANTOPEN: (PermissionDeniedError, "the store cannot be opened; check rights"),
    sqlite3.SQLITE_PERM: (PermissionDeniedError, "access was refused; check rights"),
    sqlite3.SQLITE_CORRUPT: (
        DataDamagedError,
        "the ledger file is damaged; run `commonplace verify` and restore a backup",
    ),
    sqlite3.SQLITE_NOTADB: (DataDamagedError, "the ledger file is not a database"),
    sqlite3.SQLITE_IOERR: (
        StoreUnavailableError,
        "the disk refused a read or write; check space and the device",
    ),
}


_EVENT = [column.name for column in journal.c if column.name != "seq"]
_ADD_COUNTS = fixed(
    update(scopes)
    .where(scopes.c.id == bindparam("scope"))
    .values(
        records=scopes.c.records + bindparam("direct"),
        total=scopes.c.total + bindparam("change"),
    )
)
_INSERT_EVENT = positional(journal.insert(), _EVENT)
_STATE = [column.name for column in records.c if column.name != "pk"]
_KEPT = ", ".join(f"records.{name}" for name in _STATE)
# A cross join runs in the order written; an inner one may begin with every vector of a space.
_KEEP_STATES = fixed(
    text(
        f"INSERT INTO versions (pk, {', '.join(_STATE)}, replaced_at, replaced_by) "  # noqa: S608 - our own names
        f"SELECT :first + each.key, {_KEPT}, max(records.updated_at, :at), :by "
        "FROM json_each(:pks) AS each CROSS JOIN main.records ON records.pk = each.value"
    )
)
_KEEP_VECTORS = fixed(
    text(
        "INSERT INTO version_vectors (space_id, version_pk, ordinal, origin, vector, checksum) "
        "SELECT space_id, :first + each.key, ordinal, origin, vector, checksum "
        "FROM json_each(:pks) AS each CROSS JOIN vectors ON record_pk = each.value "
        "WHERE space_id IN (SELECT id FROM spaces)"
    )
)


class SqliteDialect:
    """The SQL that differs between databases, as SQLite speaks it."""

    far = False

    def leaf(self, leaf: Compare) -> ColumnElement[bool]:
        """The condition for one filter comparison; never NULL."""
        return comparison(leaf, sqlite_filter.SPELLING)

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """`column IN (:name)` for any number of values, which travel as one `array`."""
        each = func.json_each(bindparam(name, type_=Text)).table_valued("value")
        return column.in_(select(each.c.value))

    def array(self, values: Iterable[int | str]) -> str:
        """The parameter that carries the values for `among`."""
        listed: list[JsonValue] = list(values)
        text = dump_json(listed)
        if "\\u0000" in text:  # `json_each` ends a text at a NUL, and no id or key holds one
            return dump_json([value for value in listed if "\0" not in str(value)])
        return text

    def walk_in_order(self, connection: DriverConnection) -> None:
        """SQLite does so where no index on the scope can be used."""

    def next_pk(self, connection: DriverConnection) -> int:
        """The number of the next new record; numbers are never reused."""
        return (connection.execute(_LAST_PK).scalar() or 0) + 1

    def took_pks(self, connection: DriverConnection, last: int) -> None:
        """SQLite has seen it."""

    def add_counts(
        self, connection: DriverConnection, rows: Sequence[tuple[int, int, int]]
    ) -> None:
        """Add to the counts of scopes; each row has its id, and changes of `records`, `total`."""
        given = [{"scope": one, "direct": direct, "change": change} for one, direct, change in rows]
        connection.execute(_ADD_COUNTS, given)

    def log(self, connection: DriverConnection, events: Sequence[Mapping[str, Any]]) -> None:
        """Write events to the journal; SQLite numbers them, within the transaction."""
        rows = [tuple(map(event.get, _EVENT)) for event in events]
        connection.execute(_INSERT_EVENT, rows)

    def keep_states(
        self, connection: DriverConnection, pks: Sequence[int], first: int, *, by: str, at: int
    ) -> None:
        """Copy records and their vectors to versions, whose numbers rise from `first`.

        Args:
            connection: where.
            pks: the records.
            first: the number of the version of the first of them.
            by: the operation that ends the states.
            at: when it does; a state ends no earlier than it began.
        """
        values = {"pks": self.array(pks), "first": first}
        connection.execute(_KEEP_STATES, {**values, "by": by, "at": at})
        connection.execute(_KEEP_VECTORS, values)

    def insert_text(
        self, connection: DriverConnection, rows: Sequence[dict[str, Any]], *, former: bool = False
    ) -> None:
        """Make texts findable; each row has `pk`, `content` and `scopes` (tokens).

        Args:
            connection: where to.
            rows: the texts.
            former: whether they are texts of versions and not of records.
        """
        connection.execute(_TEXTS[former].insert, _searchable(rows))

    def delete_text(
        self, connection: DriverConnection, rows: Sequence[dict[str, Any]], *, former: bool = False
    ) -> None:
        """Forget texts; the rows must be what was inserted."""
        connection.execute(_TEXTS[former].delete, _searchable(rows))

    def clear_text(self, connection: DriverConnection, *, former: bool = False) -> None:
        """Empty the full-text index of the records, or of the versions."""
        connection.execute(_TEXTS[former].clear)

    def text_differences(
        self, connection: DriverConnection, *, former: bool = False
    ) -> tuple[int, int]:
        """How many texts a full-text index lacks, and how many it has too many."""
        held, kept = (_TEXTS[former].held, "versions" if former else "records")
        wanted = f"SELECT pk FROM {kept} WHERE has_text = {FINDABLE}"  # noqa: S608 - our own names
        return (
            len(connection.execute(text(f"{wanted} EXCEPT {held}")).all()),
            len(connection.execute(text(f"{held} EXCEPT {wanted}")).all()),
        )

    def last_numbers(self, connection: DriverConnection) -> dict[str, int]:
        """The highest number that each table has given out, by its name; rows may be gone."""
        return dict(connection.execute(text("SELECT name, seq FROM sqlite_sequence")).all())

    def set_last_numbers(self, connection: DriverConnection, numbers: Mapping[str, int]) -> None:
        """Give out only numbers above these from now on."""
        reached = {**numbers}
        for name, last in self.last_numbers(connection).items():
            reached[name] = max(last, reached.get(name, 0))
        connection.execute(text("DELETE FROM sqlite_sequence"))
        rows = [{"name": name, "seq": last} for name, last in reached.items()]
        if rows:
            connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :seq)"), rows)

    def text_query(self, words: Sequence[str], scope_ids: Sequence[int]) -> str | None:
        """What `matching_text` looks for: texts with one of the words in one of the scopes.

        Args:
            words: what is looked for; several words in one are a phrase.
            scope_ids: only texts in one of these scopes or below; empty for all.

        Returns:
            The value of the parameter `text_query`; None if there is no word.
        """
        return match_expression(words, scope_ids)

    def text_count(self) -> Query:
        """How many texts of records match `:text_query`, whether they are to be seen or not."""
        return _TEXTS[False].count

    def matching_text(self, *, former: bool = False) -> Query:
        """Rows `(pk, score)` of the texts that match `:text_query`, joined with their table."""
        return _TEXTS[former].matching(versions if former else records)

    def stored(self, table: Table) -> Table:
        """A table as it is stored, and not the view that may stand before it."""
        return stored_table(table)

    def check(self, connection: DriverConnection) -> list[str]:
        """What SQLite's own integrity check finds wrong, in its words; empty if nothing."""
        rows = connection.execute(text("PRAGMA integrity_check(20)")).scalars().all()
        return [str(row) for row in rows if row != "ok"]


class _TextIndex:
    """The statements for one FTS5 table."""

    def __init__(self, name: str) -> None:
        columns = f"{name}(rowid, content, scopes)"
        command = f"{name}({name}, rowid, content, scopes)"
        values = ":pk, :content, :scopes"
        self._table = table(name, column("rowid"), column(name))
        self._name = name
        self.count = fixed(select(func.count()).select_from(self._table).where(self._matches()))
        self.insert = fixed(text(f"INSERT INTO {columns} VALUES ({values})"))  # noqa: S608 - our own names
        forgotten = f"INSERT INTO {command} VALUES ('delete', {values})"  # noqa: S608 - our own names
        self.delete = fixed(text(forgotten))
        self.clear = text(f"INSERT INTO {name}({name}) VALUES ('delete-all')")  # noqa: S608 - our own names
        self.held = f"SELECT id FROM {name}_docsize"  # noqa: S608 - our own names

    def matching(self, joined: Table) -> Query:
        score = literal_column(f"-bm25({self._name}, 1.0, 0.0)", Float)
        both = self._table.join(joined, joined.c.pk == self._table.c.rowid)
        found = select(joined.c.pk, score.label("score")).select_from(both)
        return found.where(self._matches())

    def _matches(self) -> ColumnElement[bool]:
        return self._table.c[self._name].op("MATCH")(bindparam("text_query", type_=Text))


def _searchable(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as the index takes them, by number: FTS5 writes to the file when a number is lower."""
    ordered = sorted(rows, key=itemgetter("pk"))
    return [{**row, "content": searchable(row["content"])} for row in ordered]


_TEXTS = {False: _TextIndex("full_text"), True: _TextIndex("version_text")}
SQLITE = SqliteDialect()


_LOGGED_AS = "commonplace"


def _holds_no_row(record: logging.LogRecord) -> bool:
    """SQLAlchemy logs what it reads, row by row, at the level of debugging: memories, that is."""
    return record.levelno > logging.DEBUG


logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGED_AS}").addFilter(_holds_no_row)


def open_engine(path: Path | None, durability: Durability) -> Engine:
    """An engine on the file at `path`, or on a private database in memory for None."""
    if path is None:
        engine = create_engine(
            "sqlite://",
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
            hide_parameters=True,
            logging_name=_LOGGED_AS,
        )
    else:
        engine = create_engine(
            "sqlite://",
            creator=lambda: sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False
            ),
            poolclass=QueuePool,
            pool_size=8,
            max_overflow=56,
            pool_use_lifo=True,  # the one just used has its pages in its cache
            hide_parameters=True,
            logging_name=_LOGGED_AS,
        )
    _listen(engine, path, durability)
    return engine


def create_private(path: Path) -> None:
    """Create the database file for its owner alone; SQLite copies its mode to its side files.

    A file that is there already is not opened: closing it again would drop every lock that this
    process holds on it (POSIX advisory locks; https://sqlite.org/howtocorrupt.html, 2.2), and
    another process would remove the write-ahead log from under an open memory.

    Raises:
        PermissionError: it is there, and may not be read or written.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def _listen(engine: Engine, path: Path | None, durability: Durability) -> None:
    where = "in memory" if path is None else str(path)

    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        _prepare(connection, durability, on_disk=path is not None)

    def translate(context: ExceptionContext) -> BaseException | None:
        error = context.original_exception
        return translated(error, where) if isinstance(error, sqlite3.Error) else None

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", translate, retval=True)
    # Errors in the connect listener are told to the dialect's listeners only.
    event.listen(engine.dialect, "handle_error", translate, retval=True)


def _prepare(connection: Any, durability: Durability, *, on_disk: bool) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin`, not by the driver
    connection.create_function(
        "commonplace_leaf", 2, sqlite_filter.leaf_function, deterministic=True
    )
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
    if on_disk:
        _use_wal(cursor)
    cursor.execute(f"PRAGMA synchronous = {durability.upper()}")
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA trusted_schema = OFF")
    cursor.close()


def _use_wal(cursor: Any) -> None:
    """Keep a write-ahead log.

    Where several connections do this to a new file at once, SQLite refuses some at once, without
    the wait that was set (each reads the file, and none could write it): they try again.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.001)
        except UnicodeDecodeError:  # what SQLite says quotes a name out of a damaged schema
            damaged = sqlite3.DatabaseError("the schema is damaged")
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            damaged.sqlite_errorname = "SQLITE_CORRUPT"
            raise damaged from None
        else:
            return


def _begin(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if driver.in_transaction:  # `Connections` began it
        return
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def reraise(
    error: sqlite3.Error, translate: Callable[[sqlite3.Error], CommonplaceError | None]
) -> NoReturn:
    """Raise the error of ours that says what the driver's means, or that one if there is none."""
    ours = translate(error)
    if ours is None:
        raise error
    raise ours from error


def translated(error: sqlite3.Error, where: str) -> CommonplaceError | None:
    """The error of ours that says what the driver's means; None if it is no matter of the store."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        if not str(error).startswith(_NO_TEXT):
            return None
        error.args = (f"{_NO_TEXT} a column",)  # the driver's own words quote the text
        return DataDamagedError(
            f"{where}: a text is not as it was written; run `commonplace doctor` and restore a "
            "backup"
        )
    if code == sqlite3.SQLITE_ERROR and (own := failure()) is not None:
        return own
    extended = getattr(error, "sqlite_errorname", "")
    if code & 0xFF == sqlite3.SQLITE_CONSTRAINT and refuses(str(error)):
        return EncryptionError(
            f"{where}: this scope is encrypted, and the memory was opened without its keys or "
            "before it was; open it again with encryption="
        )
    kind, advice = _CODES.get(code & 0xFF, (StoreUnavailableError, "the database refused"))
    return kind(f"{where}: {advice} ({extended})")
