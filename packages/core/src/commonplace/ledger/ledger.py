"""`Ledger`: the system of record. Opens it, migrates it, and hands out transactions."""

from __future__ import annotations

import contextlib
import functools
import stat
import threading
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from commonplace.clock import new_id
from commonplace.errors import (
    CommonplaceError,
    FormatError,
    FormatTooNewError,
    NotFoundError,
    PermissionDeniedError,
    StoreUnavailableError,
)
from commonplace.failpoints import reach
from commonplace.ledger.comparing import Comparison
from commonplace.ledger.connections import Connections
from commonplace.ledger.driver import DriverConnection
from commonplace.ledger.loading import Loading
from commonplace.ledger.past import PastSnapshot
from commonplace.ledger.schema import FORMAT, settings
from commonplace.ledger.scope_ids import ScopeCache, ScopeIds
from commonplace.ledger.snapshot import Snapshot
from commonplace.ledger.sqlite import (
    SQLITE,
    Durability,
    SqliteDialect,
    create_private,
    open_engine,
    translated,
)
from commonplace.ledger.transaction import Transaction
from commonplace.ledger.transfer import Extract

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from commonplace.record import Record
    from commonplace.scope import Scope

LEDGER_FILE = "ledger.sqlite"


class Ledger:
    """One ledger, safe to use from several threads and from several processes at once.

    Readers see a consistent snapshot and never wait for writers. Writers take turns: one immediate
    transaction at a time, across threads and processes.
    """

    def __init__(
        self,
        engine: Engine,
        dialect: SqliteDialect,
        path: Path | None,
        *,
        keep_versions: int | None = None,
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._cache = ScopeCache()
        self._turn = threading.RLock()
        self._keep_versions = keep_versions
        where = "in memory" if path is None else str(path)
        self._translate = functools.partial(translated, where=where)
        self._connections = Connections(engine, self._translate)
        self.path = path
        try:
            self.id = self._prepare()
        except BaseException:
            engine.dispose()
            raise

    @classmethod
    def open(
        cls,
        directory: Path | None,
        *,
        durability: Durability = "normal",
        create: bool = True,
        keep_versions: int | None = None,
    ) -> Ledger:
        """The ledger in `directory`, created and migrated as needed; in memory for None.

        Args:
            directory: where its file lies.
            durability: see `Memory`.
            create: whether it is made where there is none.
            keep_versions: how many former states of a record are kept; None for all.

        Raises:
            NotFoundError: there is none, with `create=False`.
            PermissionDeniedError: the directory or the file cannot be used.
            FormatTooNewError: a newer version wrote it.
            DataDamagedError: the file is damaged or no database.
        """
        path = None if directory is None else _private_file(directory, create=create)
        return cls(open_engine(path, durability), SQLITE, path, keep_versions=keep_versions)

    @contextlib.contextmanager
    def read(self, *, as_of: int | None = None) -> Generator[Snapshot]:
        """A consistent view of the ledger, for as long as the block lasts.

        Args:
            as_of: the moment in microseconds whose records are read; None for the present ones.
        """
        with self._reading() as (driver, scope_ids):
            if as_of is None:
                yield Snapshot(driver, self._dialect, scope_ids)
            else:
                yield PastSnapshot(driver, self._dialect, scope_ids, as_of)

    @contextlib.contextmanager
    def extract(self) -> Generator[Extract]:
        """As `read`, for taking whole rows out."""
        with self._reading() as (driver, scope_ids):
            yield Extract(driver, self._dialect, scope_ids)

    @contextlib.contextmanager
    def compare(self) -> Generator[Comparison]:
        """As `read`, for holding whole rows against what is there."""
        with self._reading() as (driver, scope_ids):
            yield Comparison(driver, self._dialect, scope_ids)

    @contextlib.contextmanager
    def write(self) -> Generator[Transaction]:
        """A transaction: committed whole when the block ends, undone whole if it raises.

        Raises:
            StoreLockedError: another process held the write lock for over ten seconds.
            StorageFullError: the disk is full.
        """
        with self._writing() as (driver, scope_ids):
            yield Transaction(driver, self._dialect, scope_ids, self._keep_versions)

    @contextlib.contextmanager
    def load(self) -> Generator[Loading]:
        """As `write`, for putting whole rows in."""
        with self._writing() as (driver, scope_ids):
            yield Loading(driver, self._dialect, scope_ids, self._keep_versions)

    def by_key(self, scope: Scope, key: str, now: int) -> Record | None:
        """The live record with this key at this scope, or None; see `Snapshot.records_by_key`.

        One record is asked for so often that it is read without a transaction of its own: the
        statement alone sees one moment.
        """
        with self._exclusive_in_memory(), self._connections.lent() as connection:
            driver = DriverConnection(connection, self._translate)
            scope_ids = ScopeIds(driver, self._dialect, self._cache)
            (found,) = Snapshot(driver, self._dialect, scope_ids).records_by_key(
                [(scope, key)], now
            )
            scope_ids.keep()
        return found

    def scope_ids(self, wanted: Sequence[Scope]) -> tuple[int, ...]:
        """The ids of those scopes that have ever held a record, from the cache if it has all."""
        known = [self._cache.ids.get(scope) for scope in wanted]
        if all(known):
            return tuple(scope_id for scope_id in known if scope_id)
        with self.read() as snapshot:
            return snapshot.scope_ids(wanted)

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._connections.close()

    @contextlib.contextmanager
    def _reading(self) -> Generator[tuple[DriverConnection, ScopeIds]]:
        with self._exclusive_in_memory(), self._connections.transaction("BEGIN") as connection:
            driver = DriverConnection(connection, self._translate)
            scope_ids = ScopeIds(driver, self._dialect, self._cache)
            yield driver, scope_ids
            scope_ids.keep()

    @contextlib.contextmanager
    def _writing(self) -> Generator[tuple[DriverConnection, ScopeIds]]:
        with self._turn:
            with self._connections.transaction("BEGIN IMMEDIATE") as connection:
                driver = DriverConnection(connection, self._translate)
                scope_ids = ScopeIds(driver, self._dialect, self._cache)
                yield driver, scope_ids
                reach("ledger.before_commit")
            reach("ledger.after_commit")
            scope_ids.keep()

    @contextlib.contextmanager
    def _exclusive_in_memory(self) -> Generator[None]:
        # A ledger in memory has one connection, so its readers take turns with its writers.
        with self._turn if self.path is None else contextlib.nullcontext():
            yield

    def _prepare(self) -> str:
        with self._engine.connect() as connection:
            if _format_of(connection) == FORMAT:
                return _ledger_id(connection)
        # Alembic takes a fifth of a second to import, so only a ledger that needs it pays; and
        # before the lock is taken, for which others may be waiting on a busy machine.
        from commonplace.ledger.migrate import upgrade  # noqa: PLC0415

        with self._turn, self._engine.connect() as plain:
            connection = plain.execution_options(writes=True)
            with connection.begin():
                return _migrate(connection, upgrade)


def _format_of(connection: Connection) -> str | None:
    tables = connection.execute(
        text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")
    ).scalar()
    if not tables:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _ledger_id(connection: Connection) -> str:
    query = select(settings.c.value).where(settings.c.name == "ledger_id")
    return connection.execute(query).scalar_one()


def _migrate(connection: Connection, upgrade: Callable[[Connection], None]) -> str:
    found = _format_of(connection)
    if found == FORMAT:  # another process was faster
        return _ledger_id(connection)
    if found is not None and found > FORMAT:
        raise FormatTooNewError(
            f"the ledger has format {found}, this version of commonplace reads up to {FORMAT}; "
            "upgrade commonplace"
        )
    if found is None and connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar():
        raise FormatError("the database is not a Commonplace ledger; choose another directory")
    upgrade(connection)
    if found is None:
        connection.execute(settings.insert().values(name="ledger_id", value=new_id()))
    return _ledger_id(connection)


def _private_file(directory: Path, *, create: bool) -> Path:
    """The ledger's path, its directory made for the owner alone if it is new."""
    path = directory / LEDGER_FILE
    try:
        if not create and not path.exists():
            raise NotFoundError(f"there is no memory at {directory}; check the path")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_symlink() or (path.exists() and not stat.S_ISREG(path.stat().st_mode)):
            raise PermissionDeniedError(f"{path} is not a plain file; remove it or choose another")
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
