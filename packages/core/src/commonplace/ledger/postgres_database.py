"""`PostgresDatabase`: a ledger in a schema of a PostgreSQL database, for any number of hosts."""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from commonplace.errors import (
    CommonplaceError,
    InvalidInputError,
    NotFoundError,
    StoreUnavailableError,
)
from commonplace.ledger.database import ledger_id, migrated
from commonplace.ledger.postgres import POSTGRES
from commonplace.ledger.postgres_connection import PostgresConnection
from commonplace.ledger.postgres_errors import LOCK_SECONDS, meaning, passes, translated
from commonplace.ledger.postgres_listener import Listener
from commonplace.ledger.postgres_place import Place
from commonplace.ledger.postgres_pool import Pool
from commonplace.ledger.postgres_wire import Wire, WireError, context
from commonplace.ledger.schema import FORMAT, metadata
from commonplace.ledger.tablecopy import UNFINISHED
from commonplace.ledger.vector_tables import SCHEMA_OID, VECTOR_TABLE, VectorTables

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from psycopg import Connection
    from sqlalchemy import Connection as SqlConnection
    from sqlalchemy import Engine

    from commonplace.encryption import Keyring
    from commonplace.ledger.copying import Contents
    from commonplace.ledger.postgres_files import PostgresFiles

VERSION_TABLE = "commonplace_format"
_LOCKS = 0x434D504C
"""What tells our advisory locks from those of others in the same database."""
_CONNECT_AGAIN_SECONDS = 5
"""How long connecting is tried again, while a server starts or has no connection to spare."""
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# A writer's statements each see what was committed before: the lock is taken by the first of them.
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_LOCK = "SELECT pg_advisory_xact_lock($1::int, $2::int)"
_EPOCH = "SELECT (SELECT max(number) FROM erasures)"
_NUMBERS = (
    "SELECT (SELECT max(number) FROM erasures), (SELECT last_value FROM records_pk_seq), "  # noqa: S608 - our own names
    f"(SELECT max(seq) FROM journal), (SELECT value FROM settings WHERE name = '{UNFINISHED}')"
)
# `CREATE SCHEMA IF NOT EXISTS` wants the right to create one though it is there.
_HAS_SCHEMA = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = :name)"
_NUMBER = f"SELECT {SCHEMA_OID}::int8::bit(32)::int4"
_NOTIFY = "SELECT pg_notify($1, '')"
_LOGGED_AS = "commonplace"


class PostgresDatabase:
    """A ledger in a schema of a PostgreSQL database; see `Database`.

    Args:
        url: where; see `Place`.
        durable: whether every commit waits for the server's disk, whatever its settings say.
        create: whether the tables are made where there are none.
    """

    path: Path | None = None
    alone = False
    seals = False

    def __init__(self, url: str, *, durable: bool, create: bool) -> None:
        place = Place.of(url)
        self.name = place.shown
        self.place: Path | str | None = place.given
        self._place = place
        self._durable = durable
        self._create = create
        self._context = context()
        self._translate = functools.partial(translated, where=self.name)
        self._pool = Pool(self._wire, place.pool_size, self._translate, self.name)
        self._lock_key = 0

    @property
    def dialect(self) -> Any:
        """The SQL that it speaks."""
        return POSTGRES

    def prepare(self) -> str:
        """Bring it to the present format, which makes it if it is new; the id of the ledger."""
        try:
            with self._engine().connect() as connection:
                found = self._format_of(connection)
                known = found == FORMAT
                found_id = ledger_id(connection) if known else self._migrated(connection)
                self._lock_key = connection.execute(text(_NUMBER)).scalar_one()
        except DBAPIError as error:
            raise self._refused(error.orig) from None
        return found_id

    @contextlib.contextmanager
    def reading(self, keyring: Keyring | None) -> Generator[PostgresConnection]:
        """A connection that sees one moment."""
        with self._pool.lent() as wire:
            self._ask(wire, _READ)
            yield PostgresConnection(wire, self._translate, keyring, self._ask(wire, _EPOCH))
            self._ask(wire, "COMMIT")
            self._end(wire, wait=False)

    @contextlib.contextmanager
    def writing(self, keyring: Keyring | None) -> Generator[PostgresConnection]:
        """A connection in the one write there is at a time, over all hosts."""
        with self._pool.lent() as wire:
            self._ask(wire, _WRITE)
            self._ask(wire, _LOCK, b"%d" % _LOCKS, b"%d" % self._lock_key)
            connection = PostgresConnection(
                wire, self._translate, keyring, self._ask(wire, _NUMBERS)
            )
            yield connection
            if connection.logged:
                self._ask(wire, _NOTIFY, self._channel.encode())
            self._ask(wire, "COMMIT")
            self._end(wire, wait=True)

    @contextlib.contextmanager
    def asking(self, keyring: Keyring | None) -> Generator[PostgresConnection]:
        """A connection for single statements."""
        with self._pool.lent() as wire:
            yield PostgresConnection(wire, self._translate, keyring, self._ask(wire, _EPOCH))
            self._end(wire, wait=False)

    def follow(self, call: Callable[[], None]) -> Listener:
        """Call something after every commit that the journal tells of, by whichever host."""
        return Listener(self._connect, self._channel, call)

    @property
    def _channel(self) -> str:
        """A name for notifications, which are heard in the whole database."""
        return f"commonplace_{self._lock_key}"

    def look_through(self, keyring: Keyring | None) -> None:
        """Nothing is sealed on a server."""

    @contextlib.contextmanager
    def files(self) -> Generator[PostgresFiles]:
        """The server's tables, to be cleaned."""
        from commonplace.ledger.postgres_files import PostgresFiles  # noqa: PLC0415 - seldom used

        with contextlib.closing(self._connect()) as connection:
            connection.execute("SET statement_timeout = 0")
            yield PostgresFiles(connection, self.name)

    def copy(self, path: Path, told: Callable[[int, int], object]) -> Contents:
        """Refused: the server's own tools copy its data.

        Raises:
            InvalidInputError: always.
        """
        del path, told
        raise InvalidInputError(
            "a ledger on a server is backed up with the server's own tools, such as pg_dump; or "
            "put a copy into a directory with `commonplace migrate`"
        )

    def vector_tables(self, where: str, timeout: float) -> VectorTables:
        """Tables of vectors beside its own, over a connection of their own.

        Args:
            where: what errors call the server.
            timeout: how many seconds a statement may take.
        """
        return VectorTables(self._connect, where, timeout)

    def size(self) -> int:
        """How many bytes the ledger's tables take on the server, with their indexes."""
        query = (
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::int8 FROM pg_class "  # noqa: S608 - our own pattern
            f"WHERE relkind = 'r' AND relnamespace = {SCHEMA_OID} "
            f"AND relname !~ '{VECTOR_TABLE}'"
        )
        with self.asking(None) as connection:
            return connection.tell(query).scalar()

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._pool.close()

    def _connect(self) -> Connection[Any]:
        """A new connection of the driver's; nothing was asked yet, so it may be tried again."""
        again = Retrying(
            retry=retry_if_exception(passes),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            stop=stop_after_delay(_CONNECT_AGAIN_SECONDS),
            reraise=True,
        )
        try:
            connection = again(
                psycopg.connect,
                self._place.url,
                autocommit=True,
                client_encoding="utf8",
                context=self._context,
            )
        except psycopg.ProgrammingError:  # it quotes the URL, with its password
            raise InvalidInputError("the URL of the memory cannot be read; check it") from None
        except psycopg.Error as error:  # it has no SQLSTATE, and no text of a memory
            raise StoreUnavailableError(f"{self.name}: {error}") from None
        try:
            connection.execute(self._settings())
        except psycopg.Error as error:
            connection.close()
            raise self._refused(error) from None
        return connection

    def _settings(self) -> sql.Composed:
        durable = "SET synchronous_commit = on" if self._durable else ""
        return sql.SQL(
            "SET search_path = {schema}; SET jit = off; SET client_min_messages = error; "
            "SET lock_timeout = {wait}; SET statement_timeout = {timeout}; {durable}"
        ).format(
            schema=sql.Identifier(self._place.schema),
            wait=sql.Literal(f"{LOCK_SECONDS}s"),
            timeout=sql.Literal(f"{self._place.timeout}s"),
            durable=sql.SQL(durable),
        )

    def _wire(self) -> Wire:
        return Wire(self._connect(), self._place.timeout)

    def _ask(self, wire: Wire, statement: str, *values: bytes) -> Any:
        try:
            return wire.ask(statement, values)
        except WireError as error:
            raise self._translate(error) from error

    def _end(self, wire: Wire, *, wait: bool) -> None:
        try:
            wire.end(wait=wait)
        except WireError as error:
            raise self._translate(error) from error

    def _engine(self) -> Engine:
        """For SQLAlchemy and Alembic, which make the tables."""
        return create_engine(
            "postgresql+psycopg://",
            creator=self._connect_plainly,
            poolclass=NullPool,
            hide_parameters=True,
            logging_name=_LOGGED_AS,
        )

    def _connect_plainly(self) -> Connection[Any]:
        connection = self._connect()
        connection.autocommit = False
        return connection

    def _format_of(self, connection: SqlConnection) -> str | None:
        known = text(
            "SELECT to_regclass(quote_ident(current_schema()) || '.' || :name) IS NOT NULL"
        )
        if not connection.execute(known, {"name": VERSION_TABLE}).scalar():
            return None
        found = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - our own name
        return connection.execute(found).scalar()

    def _migrated(self, connection: SqlConnection) -> str:
        if self._format_of(connection) is None and not self._create:
            raise NotFoundError(f"there is no memory at {self.name}; check the URL")
        from commonplace.ledger.migrate import upgrade  # noqa: PLC0415 - it takes a while

        connection.rollback()
        with connection.begin():
            # Held to the end of the transaction; a name, as there may be no schema yet.
            lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, :ours))")
            connection.execute(lock, {"name": self._place.schema, "ours": _LOCKS})
            if not connection.execute(text(_HAS_SCHEMA), {"name": self._place.schema}).scalar():
                connection.execute(text(f'CREATE SCHEMA "{self._place.schema}"'))
            taken = text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()")
            return migrated(
                connection,
                self._format_of(connection),
                lambda where: upgrade(where, VERSION_TABLE),
                taken=bool(connection.execute(taken).scalar()),
            )

    def _refused(self, error: object) -> CommonplaceError:
        return meaning(getattr(error, "sqlstate", None) or "", self.name)


def _holds_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGED_AS}").addFilter(_holds_no_row)
assert metadata.tables  # noqa: S101 - the migrations describe the same
