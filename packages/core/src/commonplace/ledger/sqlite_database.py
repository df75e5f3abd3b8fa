"""`SqliteDatabase`: a ledger in a file of SQLite's, or in memory."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import stat
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text

from commonplace.errors import (
    CommonplaceError,
    DataDamagedError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    StoreLockedError,
    StoreUnavailableError,
)
from commonplace.ledger import sealing
from commonplace.ledger.connections import Connections
from commonplace.ledger.copying import Contents, contents, copy_pages
from commonplace.ledger.database import ledger_id, migrated
from commonplace.ledger.log import Claim
from commonplace.ledger.newest import create
from commonplace.ledger.rewriting import LedgerFiles
from commonplace.ledger.schema import FORMAT
from commonplace.ledger.sqlite import SQLITE, Durability, create_private, open_engine, translated
from commonplace.ledger.sqlite_driver import SqliteConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from sqlalchemy import Connection

    from commonplace.encryption import Keyring
    from commonplace.ledger.vector_tables import VectorTables

LEDGER_FILE = "ledger.sqlite"
SIGN_FILE = "memory.txt"
"""Says that there is a ledger: where it is gone, no empty one takes its place unseen."""

_SIGN = b"This directory holds a Commonplace memory; its records are in ledger.sqlite.\n"
_MIGRATION_SECONDS = 60.0
"""How long opening waits for another process that makes or migrates the ledger."""


class SqliteDatabase:
    """A ledger in a file, or in memory; see `Database`.

    Args:
        path: the file, which is there; None for one in memory.
        durability: see `Memory`.
    """

    dialect = SQLITE
    seals = True

    def __init__(self, path: Path | None, durability: Durability) -> None:
        self.path = path
        self.place: Path | str | None = None if path is None else path.parent
        self.alone = path is None
        self._engine = open_engine(path, durability)
        self.name = "in memory" if path is None else str(path)
        self._translate = functools.partial(translated, where=self.name)
        self._connections = Connections(self._engine, self._translate)
        self._looks_through = False
        self._keyring: Keyring | None = None
        self._claim = None if path is None else Claim(path)

    @classmethod
    def open(
        cls, directory: Path | None, durability: Durability, *, create: bool
    ) -> SqliteDatabase:
        """The database in a directory, made for its owner alone if it is new; see `Ledger.open`."""
        path = None if directory is None else _private_file(directory, create=create)
        return cls(path, durability)

    def prepare(self) -> str:
        """Bring it to the present format; the id of the ledger."""
        deadline = time.monotonic() + _MIGRATION_SECONDS
        while True:
            try:
                found = self._identified()
            except StoreLockedError:  # another process is making or migrating it
                if time.monotonic() > deadline:
                    raise
            else:
                if self.path is not None:
                    _leave_sign(self.path.with_name(SIGN_FILE))
                return found

    @contextlib.contextmanager
    def reading(self, keyring: Keyring | None) -> Generator[SqliteConnection]:
        """A connection that sees one moment."""
        with self._connections.transaction("BEGIN") as connection:
            yield SqliteConnection(connection, self._translate, keyring)

    @contextlib.contextmanager
    def writing(self, keyring: Keyring | None) -> Generator[SqliteConnection]:
        """A connection in an immediate transaction."""
        if self._claim is not None:
            self._claim.check()
        with self._connections.transaction("BEGIN IMMEDIATE") as connection:
            yield SqliteConnection(connection, self._translate, keyring)

    @contextlib.contextmanager
    def asking(self, keyring: Keyring | None) -> Generator[SqliteConnection]:
        """A connection for single statements."""
        with self._connections.lent() as connection:
            yield SqliteConnection(connection, self._translate, keyring)
            if connection.in_transaction():  # SQLAlchemy began one for statements of its own
                connection.rollback()

    def follow(self, call: Callable[[], None]) -> None:
        """Nothing tells of what another process commits to a file: it is looked at."""

    def look_through(self, keyring: Keyring | None) -> None:
        """Make every connection read through views that open what is sealed."""
        self._looks_through, self._keyring = True, keyring

        def look(connection: Any, _entry: object = None) -> None:
            sealing.look_through(connection, keyring)

        def name_tables(*given: Any) -> tuple[str, Any]:
            return sealing.stored(given[2]), given[3]

        event.listen(self._engine, "before_cursor_execute", name_tables, retval=True)
        event.listen(self._engine, "connect", look)
        self._connections.drop_idle()
        if self.path is None:  # its one connection is the database
            with self._engine.connect() as connection:
                look(connection.connection.driver_connection)
        else:
            self._engine.dispose()

    @contextlib.contextmanager
    def files(self) -> Generator[LedgerFiles]:
        """Its files, to be written anew."""
        with self._connections.lent() as connection:
            driver: Any = connection.connection.driver_connection
            sealing.look_away(driver)  # SQLite cannot write indexes anew behind views
            try:
                yield LedgerFiles(driver, self._translate)
            finally:
                if self._looks_through:
                    sealing.look_through(driver, self._keyring)

    def copy(self, path: Path, told: Callable[[int, int], object]) -> Contents:
        """Copy all that is there now into an empty file; what that is."""
        with self._connections.transaction("BEGIN") as connection:
            found = contents(SqliteConnection(connection, self._translate))
            try:
                copy_pages(connection.connection.driver_connection, path, told)
            except sqlite3.Error as error:
                raise translated(error, str(path)) or error from error
        return found

    def vector_tables(self, where: str, timeout: float) -> VectorTables:
        """Refused: SQLite has none.

        Raises:
            InvalidInputError: always.
        """
        del where, timeout
        raise InvalidInputError("only a ledger on PostgreSQL has tables of vectors")

    def size(self) -> int:
        """How many bytes its files take."""
        if self.path is None:
            return 0
        return sum(file.stat().st_size for file in self.path.parent.glob(self.path.name + "*"))

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._connections.close()
        if self._claim is not None:
            self._claim.release()

    def _identified(self) -> str:
        with self._engine.connect() as connection:
            found = _format_of(connection)
            if found == FORMAT:
                return ledger_id(connection)
        if found is not None:  # before the lock is taken, for which others may be waiting
            _import_migrations()
        with self._engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                found = _format_of(connection)
                tables = connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar()
                make = create if found is None else _import_migrations()
                return migrated(connection, found, make, taken=bool(tables))


def _import_migrations() -> Callable[[Connection], None]:
    """What runs them; Alembic takes a fifth of a second, so only a ledger that needs it pays."""
    from commonplace.ledger.migrate import upgrade  # noqa: PLC0415 - as above

    return upgrade


def _format_of(connection: Connection) -> str | None:
    tables = connection.execute(
        text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
    ).scalar()
    if not tables:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _is_lost(path: Path) -> bool:
    """Whether there was a ledger here that is gone."""
    sign = path.with_name(SIGN_FILE)
    return sign.exists() and not (path.exists() and path.stat().st_size)


def _leave_sign(path: Path) -> None:
    if not path.exists():
        with contextlib.suppress(OSError):  # the next opening tries again
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(_SIGN)


def _check_plain(path: Path) -> None:
    """Refuse what SQLite would write through to somewhere else, or wait for."""
    if path.is_symlink() or (path.exists() and not stat.S_ISREG(path.stat().st_mode)):
        raise PermissionDeniedError(f"{path} is not a plain file; remove it or choose another")


def _private_file(directory: Path, *, create: bool) -> Path:
    """The ledger's path, its directory made for the owner alone if it is new."""
    path = directory / LEDGER_FILE
    try:
        if not create and not path.exists() and not _is_lost(path):
            raise NotFoundError(f"there is no memory at {directory}; check the path")
        if _is_lost(path):
            raise DataDamagedError(
                f"{path} is missing or empty, but there was a memory; restore a backup, or remove "
                f"{directory} to begin anew"
            )
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for ending in ("", "-wal", "-shm", "-journal"):
            _check_plain(path.with_name(path.name + ending))
        create_private(path)
    except (FileExistsError, NotADirectoryError) as error:
        raise PermissionDeniedError(f"{directory} is a file; a memory is a directory") from error
    except PermissionError as error:
        raise PermissionDeniedError(f"{path}: reading and writing it is not allowed") from error
    except CommonplaceError:
        raise
    except (OSError, ValueError) as error:
        raise StoreUnavailableError(f"{directory} cannot be used as a memory: {error}") from error
    return path
