"""`Ledger`: the system of record. Opens it, migrates it, and hands out transactions."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import sqlite3
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, select, text

from commonplace.clock import new_id
from commonplace.encryption import Encryption, Keyring, SealingPolicy, policy_for
from commonplace.errors import (
    CommonplaceError,
    DataDamagedError,
    EncryptionError,
    FormatError,
    FormatTooNewError,
    NotFoundError,
    PermissionDeniedError,
    StoreLockedError,
    StoreUnavailableError,
)
from commonplace.failpoints import reach
from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger import sealing
from commonplace.ledger.auditing import Auditing
from commonplace.ledger.comparing import Comparison
from commonplace.ledger.connections import Connections
from commonplace.ledger.copying import Contents, begin_anew, contents, copy_pages
from commonplace.ledger.driver import DriverConnection
from commonplace.ledger.erasing import Eraser
from commonplace.ledger.erasures import epoch_of
from commonplace.ledger.loading import Loading
from commonplace.ledger.log import Claim
from commonplace.ledger.past import PastSnapshot
from commonplace.ledger.quotas import check_quotas
from commonplace.ledger.rewriting import LedgerFiles
from commonplace.ledger.rows import SEALED_SINCE
from commonplace.ledger.salvaging import Salvage, Salvaged, readable
from commonplace.ledger.schema import FORMAT, settings
from commonplace.ledger.scope_ids import ScopeIds, SharedScopes
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
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine


LEDGER_FILE = "ledger.sqlite"
SIGN_FILE = "memory.txt"
"""Says that there is a ledger: where it is gone, no empty one takes its place unseen."""

_SIGN = b"This directory holds a Commonplace memory; its records are in ledger.sqlite.\n"
_MIGRATION_SECONDS = 60.0
"""How long opening waits for another process that makes or migrates the ledger."""


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
        self._scopes = SharedScopes()
        self._turn = threading.RLock()
        self._keep_versions = keep_versions
        where = "in memory" if path is None else str(path)
        self._translate = functools.partial(translated, where=where)
        self._connections = Connections(engine, self._translate)
        self._keyring: Keyring | None = None
        self._blind = False
        self.path = path
        self._claim = None if path is None else Claim(path)
        try:
            self.id = self._prepare()
        except BaseException:
            self.close()
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
        opened = cls(open_engine(path, durability), SQLITE, path, keep_versions=keep_versions)
        if path is not None:
            _leave_sign(path.with_name(SIGN_FILE))
        return opened

    def unlock(self, encryption: Encryption | None) -> None:
        """Take the keys to what is sealed, before anything is read; seal more if it says so.

        Raises:
            EncryptionError: texts are sealed and nothing was given to open them with, or a key is
                another one than it was.
        """
        known = self._sealing_policy()
        if encryption is None:
            if known is not None:
                raise EncryptionError(
                    f"this memory is encrypted with {', '.join(map(repr, known.key_names))}; open "
                    "it with encryption=Encryption(keys={...}), which may be without keys to "
                    "count and delete"
                )
            return
        policy = policy_for(encryption, known)
        if policy is None:
            return
        if policy != known:
            policy = self._seal(encryption)
        self._keyring = Keyring(encryption.keys, policy)
        self._look_through(self._keyring)

    def key_names(self) -> list[str]:
        """The names of all keys that something may be sealed with."""
        policy = self._sealing_policy()
        return [] if policy is None else policy.key_names

    def forget_unused_keys(self) -> None:
        """Remember only the keys that something may be sealed with after a rotation."""
        with self.write() as transaction:
            policy = SealingPolicy(**load_json(transaction.setting(sealing.SEALING) or "{}"))
            used = {policy.active, *policy.scopes.values()}
            checks = {name: check for name, check in policy.checks.items() if name in used}
            kept = dataclasses.replace(policy, checks=checks)
            transaction.set_setting(sealing.SEALING, dump_json(dataclasses.asdict(kept)))

    def truncate_log(self) -> None:
        """Bring the write-ahead log into the ledger's file and empty it, if nobody reads it."""
        with self._connections.lent() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def look_blind(self) -> None:
        """Read nothing in place of what is sealed; for the index, which is to hold none of it."""
        self._blind = True
        self._look_through(None)

    @property
    def keyring(self) -> Keyring | None:
        """The keys; None if nothing is sealed."""
        return self._keyring

    def _sealing_policy(self) -> SealingPolicy | None:
        with self.read() as snapshot:
            found = snapshot.setting(sealing.SEALING)
        return None if found is None else SealingPolicy(**load_json(found))

    def _seal(self, encryption: Encryption) -> SealingPolicy:
        """Keep in the ledger what is sealed from now on."""
        with self.write() as transaction:
            found = transaction.setting(sealing.SEALING)
            known = None if found is None else SealingPolicy(**load_json(found))
            policy = policy_for(encryption, known) or known
            assert policy is not None  # noqa: S101 - there are keys, or one was known
            scopes = [Scope.parse(path) for path in policy.scopes]
            transaction.seal(dump_json(dataclasses.asdict(policy)), scopes)
        return policy

    def _look_through(self, keyring: Keyring | None) -> None:
        """Make every connection read through views that open what is sealed."""

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
            QuotaExceededError: a scope would hold more records than it may.
        """
        with self._writing() as (driver, scope_ids):
            yield Transaction(driver, self._dialect, scope_ids, self._keep_versions)
            self._check_quotas(driver, scope_ids)

    @contextlib.contextmanager
    def load(self) -> Generator[Loading]:
        """As `write`, for putting whole rows in."""
        with self._writing() as (driver, scope_ids):
            yield Loading(driver, self._dialect, scope_ids, self._keep_versions)
            self._check_quotas(driver, scope_ids)

    @contextlib.contextmanager
    def glance(self) -> Generator[Snapshot]:
        """As `read`, without a transaction: each statement sees the moment at which it runs.

        For one record, which is asked for so often that beginning and ending would count.
        """
        with self._exclusive_in_memory(), self._connections.lent() as connection:
            driver = DriverConnection(connection, self._translate, self._keyring)
            scope_ids = ScopeIds(driver, self._dialect, self._scopes)
            yield Snapshot(driver, self._dialect, scope_ids)
            connection.rollback()  # what SQLAlchemy began to read the path of a scope
            scope_ids.keep()

    def scope_ids(self, wanted: Sequence[Scope]) -> tuple[int, ...]:
        """The ids of those scopes that have ever held a record, from the cache if it has all."""
        cache = self._scopes.newest
        known = [cache.ids.get(scope) for scope in wanted]
        erasable = any(scope.segments for scope in wanted)
        if all(known) and not (erasable and self.epoch() > cache.epoch):
            return tuple(scope_id for scope_id in known if scope_id)
        with self.read() as snapshot:
            return snapshot.scope_ids(wanted)

    def copy(self, path: Path, told: Callable[[int, int], object]) -> Contents:
        """Copy all that is there now into an empty file; what that is.

        Args:
            path: the file.
            told: called with how many pages are copied, and how many there are.

        Raises:
            DataDamagedError: the ledger is damaged.
            StorageFullError: the disk is full.
        """
        with self._exclusive_in_memory(), self._connections.transaction("BEGIN") as connection:
            found = contents(DriverConnection(connection, self._translate))
            try:
                copy_pages(connection.connection.driver_connection, path, told)
            except sqlite3.Error as error:
                raise translated(error, str(path)) or error from error
        return found

    def salvage(self, damaged: Path, now: int) -> Salvaged:
        """Fill this ledger, which is new, with what can be read of a damaged one.

        Args:
            damaged: the file, which is not touched.
            now: the present moment.

        Raises:
            DataDamagedError: nothing can be read.
            FormatError: it is of another format.
        """
        assert self.path is not None  # noqa: S101 - it was made for this
        with (
            readable(damaged, self.path.with_name("damaged.tmp")) as source,
            self._writing() as (driver, scope_ids),
        ):
            return Salvage(source, driver, self._dialect, scope_ids).run(now)

    def begin_anew(self, origin: dict[str, Any]) -> None:
        """Take a new identity, as a copy must; see `copying`.

        Args:
            origin: what to note of where the copy came from.
        """
        with self._writing() as (driver, _):
            self.id = begin_anew(driver, origin)

    def epoch(self) -> int:
        """How many erasures there were, by any process; what was cached before the last is void."""
        with self._exclusive_in_memory(), self._connections.lent() as connection:
            return epoch_of(DriverConnection(connection, self._translate))

    @contextlib.contextmanager
    def erase(self) -> Generator[Eraser]:
        """As `write`, for removing without a trace."""
        with self._writing() as (driver, scope_ids):
            yield Eraser(driver, self._dialect, scope_ids, self._keep_versions)

    @contextlib.contextmanager
    def audit(self, *, writes: bool = False) -> Generator[Auditing]:
        """The journal as it is audited."""
        with (self._writing if writes else self._reading)() as (driver, scope_ids):
            yield Auditing(driver, scope_ids, self.id)

    @contextlib.contextmanager
    def files(self) -> Generator[LedgerFiles]:
        """The ledger's files, to be written anew; writers of this process wait meanwhile."""
        with self._turn, self._connections.lent() as connection:
            driver: Any = connection.connection.driver_connection
            sealing.look_away(driver)  # SQLite cannot write indexes anew behind views
            try:
                yield LedgerFiles(driver, self._translate)
            finally:
                if self._keyring is not None or self._blind:
                    sealing.look_through(driver, self._keyring)

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._connections.close()
        if self._claim is not None:
            self._claim.release()

    @contextlib.contextmanager
    def _reading(self) -> Generator[tuple[DriverConnection, ScopeIds]]:
        with self._exclusive_in_memory(), self._connections.transaction("BEGIN") as connection:
            driver = DriverConnection(connection, self._translate, self._keyring)
            scope_ids = ScopeIds(driver, self._dialect, self._scopes)
            try:
                yield driver, scope_ids
            except Exception as error:
                self._check_sealed_since(driver, error)
                raise
            scope_ids.keep()

    def _check_sealed_since(self, driver: DriverConnection, error: Exception) -> None:
        """Say what is behind an error where sealed texts were taken for plain ones."""
        ours = isinstance(error, CommonplaceError) and type(error) is not StoreUnavailableError
        if self._keyring is None and not self._blind and not ours and sealing.is_sealed(driver):
            raise EncryptionError(SEALED_SINCE) from error

    @contextlib.contextmanager
    def _writing(self) -> Generator[tuple[DriverConnection, ScopeIds]]:
        with self._turn:
            if self._claim is not None:
                self._claim.check()
            with self._connections.transaction("BEGIN IMMEDIATE") as connection:
                driver = DriverConnection(connection, self._translate, self._keyring)
                scope_ids = ScopeIds(driver, self._dialect, self._scopes)
                yield driver, scope_ids
                reach("ledger.before_commit")
            reach("ledger.after_commit")
            scope_ids.keep()

    def _check_quotas(self, driver: DriverConnection, scope_ids: ScopeIds) -> None:
        if grown := scope_ids.grown():
            check_quotas(driver, self._dialect, grown)

    @contextlib.contextmanager
    def _exclusive_in_memory(self) -> Generator[None]:
        # A ledger in memory has one connection, so its readers take turns with its writers.
        with self._turn if self.path is None else contextlib.nullcontext():
            yield

    def _prepare(self) -> str:
        deadline = time.monotonic() + _MIGRATION_SECONDS
        while True:
            try:
                return self._identified()
            except StoreLockedError:  # another process is making or migrating it
                if time.monotonic() > deadline:
                    raise

    def _identified(self) -> str:
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
