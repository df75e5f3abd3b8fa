"""`Ledger`: the system of record. Opens it, migrates it, and hands out transactions."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from commonplace.encryption import Encryption, Keyring, SealingPolicy, policy_for
from commonplace.errors import (
    CommonplaceError,
    EncryptionError,
    InvalidInputError,
    StoreUnavailableError,
)
from commonplace.failpoints import reach
from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger import sealing
from commonplace.ledger.auditing import Auditing
from commonplace.ledger.comparing import Comparison
from commonplace.ledger.copying import Contents, begin_anew
from commonplace.ledger.erasing import Eraser
from commonplace.ledger.loading import Loading
from commonplace.ledger.past import PastSnapshot
from commonplace.ledger.quotas import check_quotas
from commonplace.ledger.rows import SEALED_SINCE
from commonplace.ledger.salvaging import Salvage, readable
from commonplace.ledger.scope_ids import ScopeIds, SharedScopes
from commonplace.ledger.snapshot import Snapshot
from commonplace.ledger.sqlite_database import SqliteDatabase
from commonplace.ledger.tablecopy import UNFINISHED, Arrivals, Mark, StoredRows
from commonplace.ledger.transaction import Transaction
from commonplace.ledger.transfer import Extract
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from commonplace.ledger.database import Cleaning, Database, Following
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.salvaging import Salvaged
    from commonplace.ledger.sqlite import Durability
    from commonplace.ledger.vector_tables import VectorTables

T = TypeVar("T")


class Ledger:
    """One ledger, safe to use from several threads and from several processes at once.

    Readers see a consistent snapshot and never wait for writers. Writers take turns: one immediate
    transaction at a time, across threads and processes.
    """

    def __init__(
        self, database: Database, *, keep_versions: int | None = None, unfinished: bool = False
    ) -> None:
        self._database = database
        self._dialect = database.dialect
        self._scopes = SharedScopes()
        self._turn = threading.RLock()
        self._keep_versions = keep_versions
        self._keyring: Keyring | None = None
        self._blind = False
        self._unfinished = unfinished
        try:
            with self._turn:
                self.id = database.prepare()
            self._check_finished(self.glance(lambda snapshot: snapshot.setting(UNFINISHED)))
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """What people and errors call it; it holds no password."""
        return self._database.name

    @property
    def seals(self) -> bool:
        """Whether it can store texts encrypted."""
        return self._database.seals

    @property
    def on_server(self) -> bool:
        """Whether it is a server's, whose files are out of reach."""
        return not self._database.alone and self.path is None

    @property
    def place(self) -> Path | str | None:
        """Where another process opens it; a URL may hold a password. None if none can."""
        return self._database.place

    @property
    def path(self) -> Path | None:
        """Its file; None if it has none of its own."""
        return self._database.path

    @classmethod
    def open(
        cls,
        place: Path | str | None,
        *,
        durability: Durability = "normal",
        create: bool = True,
        keep_versions: int | None = None,
        unfinished: bool = False,
    ) -> Ledger:
        """The ledger at a place, created and migrated as needed.

        Args:
            place: the directory where its file lies, the URL of a database on a server, or None
                for one in memory.
            durability: see `Memory`.
            create: whether it is made where there is none.
            keep_versions: how many former states of a record are kept; None for all.
            unfinished: whether it may be a copy that is not whole yet.

        Raises:
            NotFoundError: there is none, with `create=False`.
            PermissionDeniedError: the directory or the file cannot be used.
            FormatTooNewError: a newer version wrote it.
            DataDamagedError: the file is damaged or no database.
            StoreUnavailableError: the server cannot be reached, or it is a copy that is not whole
                yet.
        """
        database = _database(place, durability, create=create)
        return cls(database, keep_versions=keep_versions, unfinished=unfinished)

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
        if not self._database.seals:
            raise InvalidInputError(
                "a ledger on a server is not encrypted by Commonplace: leave encryption= out, and "
                "let the server's disks be; or keep the memory in a directory"
            )
        if policy != known:
            policy = self._seal(encryption)
        self._keyring = Keyring(encryption.keys, policy)
        self._database.look_through(self._keyring)

    def follow(self, call: Callable[[], None]) -> Following | None:
        """Call something soon after every commit by any process; None if nothing tells of them."""
        return self._database.follow(call)

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

    def look_blind(self) -> None:
        """Read nothing in place of what is sealed; for the index, which is to hold none of it."""
        self._blind = True
        self._database.look_through(None)

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
    def stored(self) -> Generator[StoredRows]:
        """As `read`, for whole tables as they are stored; of a ledger that was given no keys."""
        with self._taking_turns(), self._database.reading(None) as driver:
            yield StoredRows(driver, self._dialect)

    @contextlib.contextmanager
    def arrivals(self) -> Generator[Arrivals]:
        """As `write`, for whole tables as they are stored; into a ledger that was given no keys."""
        with self._writing() as (driver, scope_ids):
            yield Arrivals(driver, self._dialect, scope_ids)

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

    def glance(self, ask: Callable[[Snapshot], T]) -> T:
        """What is asked of a snapshot each of whose statements sees the moment at which it runs.

        For one record, which is asked for so often that beginning and ending a transaction would
        count. It may be asked twice, where something was erased meanwhile.
        """
        with self._taking_turns(), self._database.asking(self._keyring) as driver:
            scope_ids = ScopeIds(driver, self._dialect, self._scopes, known=self._scopes.newest)
            found = ask(Snapshot(driver, self._dialect, scope_ids))
            if not scope_ids.hold():
                scope_ids = ScopeIds(driver, self._dialect, self._scopes)
                found = ask(Snapshot(driver, self._dialect, scope_ids))
            scope_ids.keep()
        return found

    def scope_ids(self, wanted: Sequence[Scope]) -> tuple[int, ...]:
        """The ids of those scopes that have ever held a record, from the cache if it has all."""
        cache = self._scopes.newest
        known = [cache.ids.get(scope) for scope in wanted]
        erasable = any(scope.segments for scope in wanted)
        if all(known) and not (erasable and self.epoch() > cache.epoch):
            return tuple(scope_id for scope_id in known if scope_id)
        return self.glance(lambda snapshot: snapshot.scope_ids(wanted))

    def copy(self, path: Path, told: Callable[[int, int], object]) -> Contents:
        """Copy all that is there now into an empty file; what that is.

        Args:
            path: the file.
            told: called with how many pages are copied, and how many there are.

        Raises:
            DataDamagedError: the ledger is damaged.
            StorageFullError: the disk is full.
        """
        with self._taking_turns():
            return self._database.copy(path, told)

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
        with self._taking_turns(), self._database.asking(self._keyring) as driver:
            return driver.epoch()

    def size(self) -> int:
        """How many bytes it takes."""
        return self._database.size()

    def vector_tables(self, where: str, timeout: float) -> VectorTables:
        """Tables of vectors beside its own, which are an index of it; on PostgreSQL alone.

        Args:
            where: what errors call the server.
            timeout: how many seconds a statement may take.

        Raises:
            InvalidInputError: it is not on PostgreSQL.
        """
        return self._database.vector_tables(where, timeout)

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
    def files(self) -> Generator[Cleaning]:
        """The ledger's files, to be written anew; writers of this process wait meanwhile."""
        with self._turn, self._database.files() as files:
            yield files

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._database.close()

    @contextlib.contextmanager
    def _reading(self) -> Generator[tuple[DriverConnection, ScopeIds]]:
        with self._taking_turns(), self._database.reading(self._keyring) as driver:
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
        unaware = self._database.seals and self._keyring is None and not self._blind
        if unaware and not ours and sealing.is_sealed(driver):
            raise EncryptionError(SEALED_SINCE) from error

    @contextlib.contextmanager
    def _writing(self) -> Generator[tuple[DriverConnection, ScopeIds]]:
        with self._turn:
            with self._database.writing(self._keyring) as driver:
                scope_ids = ScopeIds(driver, self._dialect, self._scopes)
                yield driver, scope_ids
                self._check_finished(driver.unfinished())
                reach("ledger.before_commit")
            reach("ledger.after_commit")
            scope_ids.keep()

    def _check_quotas(self, driver: DriverConnection, scope_ids: ScopeIds) -> None:
        if grown := scope_ids.grown():
            check_quotas(driver, self._dialect, grown)

    def _check_finished(self, mark: str | None) -> None:
        """Refuse a copy that is not whole yet to all but the migration that makes it."""
        if mark is not None and not self._unfinished:
            raise StoreUnavailableError(
                f"{self.name} is the unfinished copy of memory {Mark.from_text(mark).source}; "
                "finish it with `commonplace migrate`, or remove it"
            )

    @contextlib.contextmanager
    def _taking_turns(self) -> Generator[None]:
        with self._turn if self._database.alone else contextlib.nullcontext():
            yield


def _database(place: Path | str | None, durability: Durability, *, create: bool) -> Database:
    if not isinstance(place, str):
        return SqliteDatabase.open(place, durability, create=create)
    try:
        from commonplace.ledger.postgres_database import PostgresDatabase  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InvalidInputError(
            "a memory on PostgreSQL needs its driver; install it with "
            "`pip install 'psycopg[binary]' tenacity`"
        ) from error
    return PostgresDatabase(place, durable=durability == "full", create=create)
