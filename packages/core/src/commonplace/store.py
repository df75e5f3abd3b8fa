"""`Store`: what the views of one memory share: ledger, index, embedder, threads, and their end."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from commonplace.analysis import ENGLISH, NO_LANGUAGE, Analyser, Language
from commonplace.clock import Clock, SystemClock, new_id
from commonplace.conversing import Conversations
from commonplace.drafts import OWN_SPACE
from commonplace.embedding import OwnModel, Vectoriser
from commonplace.encryption import Encryption
from commonplace.errors import ClosedStoreError, ForkedStoreError, InvalidInputError
from commonplace.events import Dispatcher, Subscription
from commonplace.index import open_index
from commonplace.jsonvalue import checked_text
from commonplace.ledger import Ledger, Selection, is_url
from commonplace.linking import Linker
from commonplace.maintenance import (
    CompactReport,
    Files,
    MaintenanceReport,
    Policy,
    Receipt,
    Reindex,
    ReindexReport,
    Report,
    RotationReport,
    SpaceStats,
    Stats,
    Sweeper,
    check,
    compact,
    erase,
    finish,
    maintain,
    planned,
    receipts,
    repair,
    rotate,
    spaces,
    stats,
    verify,
)
from commonplace.middleware import Chain
from commonplace.moving.backing import write_backup
from commonplace.moving.files import expanded
from commonplace.moving.importing import Importer
from commonplace.reading import Reader
from commonplace.search import MessageCache, Searcher, TextCache, VectorCache
from commonplace.threadloading import ThreadLoader
from commonplace.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.embedders import Embedder
    from commonplace.events import Watch
    from commonplace.index import ChromaCloud, ChromaServer
    from commonplace.ledger import Durability, Target
    from commonplace.middleware import ReadMiddleware, WriteMiddleware
    from commonplace.moving import Progress
    from commonplace.moving.backing import BackupReport
    from commonplace.scope import Scope

IN_MEMORY = ":memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a memory was opened; see `Memory`."""

    embedder: Any
    index: str | ChromaServer | ChromaCloud
    language: Language | Literal["english"] | None
    durability: Durability
    cache_bytes: int
    sweep_every: float | None
    clock: Clock | None
    create: bool
    keep_versions: int | None
    middleware: Sequence[WriteMiddleware | ReadMiddleware]
    encryption: Encryption | None


class Store:
    """The shared inside of a memory.

    Args:
        path: the directory, or `":memory:"`.
        options: see `Memory`.
    """

    def __init__(self, path: str | Path, options: Options) -> None:
        _check_options(options)
        chain = Chain(options.middleware)
        place = _place(path)
        directory = place if isinstance(place, Path) else None
        self._clock = options.clock or SystemClock()
        self._model = OwnModel(Vectoriser(options.embedder))
        self._ledger = Ledger.open(
            place,
            durability=options.durability,
            create=options.create,
            keep_versions=options.keep_versions,
        )
        self.url = self._ledger.name if isinstance(place, str) else None
        self.name = self.url or str(place or IN_MEMORY)
        self.directory = directory
        try:
            self._ledger.unlock(options.encryption)
            if options.embedder is not None:
                self._check_model()
            self._index = open_index(self._ledger, directory, options.index)
            self._files = Files(self._ledger, self._index)
            finish(self._files, wait=0)
        except BaseException:
            self._ledger.close()
            raise
        vectors = VectorCache(options.cache_bytes)
        texts = TextCache(options.cache_bytes // 4, Analyser(_language(options.language)))
        messages = MessageCache(options.cache_bytes // 16)
        searcher = Searcher(self._ledger, self._index, vectors, texts, messages)
        self._dispatcher = Dispatcher(self._ledger)
        self._written = written = _each(self._dispatcher.nudge, self._index.nudge)
        self._writer = Writer(self._ledger, self._model, chain, self._clock, written)
        self._conversations = Conversations(self._ledger, self._model, chain, self._clock, written)
        self._linker = Linker(self._ledger, chain, self._clock, written)
        self._reader = Reader(self._ledger, self._model, chain, searcher)
        self._importer = Importer(self._ledger, self._model, self._clock, written)
        self._thread_loader = ThreadLoader(self._ledger, self._model, chain, self._clock, written)
        self._sweeper = Sweeper(_weakly(self._sweep_all), options.sweep_every)
        self._process = os.getpid()
        self._closing = threading.Lock()
        self._closed = False
        self._finalizer = weakref.finalize(
            self,
            _release,
            self._process,
            self._dispatcher,
            self._sweeper,
            self._index,
            self._ledger,
        )

    @property
    def writer(self) -> Writer:
        """What writes, if the store is open."""
        self._check_open()
        return self._writer

    @property
    def reader(self) -> Reader:
        """What reads, if the store is open."""
        self._check_open()
        return self._reader

    @property
    def linker(self) -> Linker:
        """What links, if the store is open."""
        self._check_open()
        return self._linker

    @property
    def conversations(self) -> Conversations:
        """What writes and reads threads, if the store is open."""
        self._check_open()
        return self._conversations

    @property
    def importer(self) -> Importer:
        """What imports, if the store is open."""
        self._check_open()
        return self._importer

    @property
    def thread_loader(self) -> ThreadLoader:
        """What imports conversations, if the store is open."""
        self._check_open()
        return self._thread_loader

    @property
    def ledger(self) -> Ledger:
        """What is exported, if the store is open."""
        self._check_open()
        return self._ledger

    @property
    def model(self) -> tuple[str, int]:
        """The embedder in use, by identity, and the length of its vectors."""
        own = self._model.use(lambda vectoriser: vectoriser.embedder)
        return own.identity, own.dimension

    @property
    def embedder(self) -> Embedder:
        """The embedder in use."""
        return self._model.now.embedder

    @property
    def name_of_ledger(self) -> str:
        """What tells this memory from every other but its copies, wherever its files are."""
        return self._ledger.id

    def is_at(self, other: Store) -> bool:
        """Whether both stores have the same ledger; a copy of its files is another memory."""
        if self.directory is not None and other.directory is not None:
            return self is other or self.directory.samefile(other.directory)
        if self._ledger.on_server and other._ledger.on_server:
            return self._ledger.id == other._ledger.id
        return self is other

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The unit vectors of texts, of shape (texts, dimension)."""
        matrix = self._model.use(lambda vectoriser: vectoriser.unit_vectors(texts))
        self._check_open()
        return matrix

    def now(self) -> int:
        """The present moment in microseconds."""
        return self._clock.now()

    def new_id(self) -> str:
        """A new record id."""
        return new_id()

    def scope_ids(self, scopes: Sequence[Scope]) -> tuple[int, ...]:
        """The ids of those scopes that have ever held a record."""
        self._check_open()
        return self._ledger.scope_ids(scopes)

    def head(self) -> int:
        """The sequence number of the newest change."""
        self._check_open()
        with self._ledger.read() as snapshot:
            return snapshot.head()

    def subscribe(self, watch: Watch) -> Subscription:
        """Begin to tell a handler of events."""
        self._check_open()
        return Subscription(self._dispatcher.start(watch), self.head)

    def flush(self) -> None:
        """Bring the index up to date."""
        self._check_open()
        self._index.flush()

    def verify(self) -> Report:
        """What is wrong."""
        self._check_open()
        return verify(self._ledger, self._index)

    def repair(self) -> Report:
        """Mend what is wrong."""
        self._check_open()
        finished = finish(self._files)
        report = repair(self._ledger, self._index)
        return report.with_mended("erasures finished", finished)

    def erase(
        self, target: Target, kind: Literal["ids", "scope", "everything"], *, scan: bool
    ) -> Receipt:
        """Remove a target from every file."""
        self._check_open()
        finish(self._files)
        receipt = erase(self._files, target, kind, scan=scan, now=self.now())
        self._written()
        return receipt

    def compact(self) -> CompactReport:
        """Give back what removed records took."""
        self._check_open()
        return compact(self._files)

    def receipts(self) -> list[Receipt]:
        """The receipts of all erasures."""
        self._check_open()
        return receipts(self._ledger)

    def check_receipt(self, receipt: Receipt) -> Report:
        """What speaks against a receipt."""
        self._check_open()
        return check(self._ledger, receipt)

    def maintain(self, selection: Selection, policy: Policy, *, dry_run: bool) -> MaintenanceReport:
        """Carry out a policy."""
        self._check_open()
        report = maintain(self._ledger, self._clock, selection, policy, dry_run=dry_run)
        self._written()
        return report

    def reindex(
        self,
        embedder: Embedder,
        *,
        keep_old: bool,
        batch: int,
        progress: Callable[[int, int], None] | None,
        dry_run: bool,
    ) -> ReindexReport:
        """Move the own space to another embedder, or say what that would be."""
        self._check_open()
        vectoriser = Vectoriser(embedder)
        if dry_run:
            return planned(self._ledger, vectoriser)
        reindex = Reindex(
            self._ledger,
            self._model,
            vectoriser,
            now=self.now,
            look=self._check_open,
            keep_old=keep_old,
            batch=batch,
            progress=progress,
        )
        report = reindex.run()
        self._index.nudge()
        return report

    def backup(self, path: Path, *, overwrite: bool, progress: Progress | None) -> BackupReport:
        """Copy the ledger into a file."""
        self._check_open()
        return write_backup(
            self._ledger, path, now=self.now(), overwrite=overwrite, progress=progress
        )

    def rotate_keys(self, *, batch: int, progress: Callable[[int], None] | None) -> RotationReport:
        """Seal everything with the active keys."""
        self._check_open()
        report = rotate(self._ledger, batch=batch, progress=progress)
        if report.bare:
            self._index.rebuild()
        return report

    def stats(self, selection: Selection) -> Stats:
        """Counts and sizes."""
        self._check_open()
        return stats(self._ledger, self._index, selection)

    def spaces(self, selection: Selection) -> dict[str, SpaceStats]:
        """The embedding spaces, by name."""
        self._check_open()
        return spaces(self._ledger, selection)

    def close(self) -> None:
        """Release everything. Idempotent; harmless in a forked child."""
        if os.getpid() != self._process:
            return
        # A handler that closes while another thread does would be waited for by whom it waits for.
        if not self._closing.acquire(blocking=not self._dispatcher.delivering()):
            return
        try:
            if not self._closed:
                self._dispatcher.close()  # first, so that calls under way can end as they began
                self._closed = True
                self._finalizer()
        finally:
            self._closing.release()

    def _check_open(self) -> None:
        if os.getpid() != self._process:
            raise ForkedStoreError(
                f"memory {self.name!r} was opened before os.fork; open it anew in the child"
            )
        if self._closed:
            raise ClosedStoreError(f"memory {self.name!r} is closed; open it again")

    def _check_model(self) -> None:
        with self._ledger.read() as snapshot:
            self._model.now.check(snapshot.spaces().get(OWN_SPACE))

    def _sweep_all(self) -> None:
        self._writer.sweep(Selection.everything(now=self.now()))


def _each(*calls: Callable[[], None]) -> Callable[[], None]:
    def call_each() -> None:
        for call in calls:
            call()

    return call_each


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """The method, without keeping its object: what the finalizer holds must not."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        if (bound := reference()) is not None:
            bound()

    return call


def _release(owner: int, *parts: Any) -> None:
    """Close the parts, unless this is a forked child that only inherited them.

    A child that exits or collects the memory runs its finalizer too, and would end the index
    process of its parent.
    """
    if os.getpid() == owner:
        with contextlib.ExitStack() as stack:
            for part in reversed(parts):
                stack.callback(part.close)


def _place(path: object) -> Path | str | None:
    """Where a memory is: its directory, the URL of a database, or None for nowhere."""
    if path == IN_MEMORY:
        return None
    if not isinstance(path, str | Path) or not str(path):
        raise InvalidInputError("a memory's path is the directory it lives in, or ':memory:'")
    text = checked_text(str(path), "path")
    if "\0" in text:
        raise InvalidInputError("a memory's path may not hold a NUL character")
    if isinstance(path, str) and is_url(text):
        return text
    return expanded(Path(text)).absolute()


def _language(given: Language | Literal["english"] | None) -> Language:
    if given == "english":
        return ENGLISH
    return NO_LANGUAGE if given is None else given


def _check_options(options: Options) -> None:
    if options.durability not in {"normal", "full"}:
        raise InvalidInputError("durability is 'normal' or 'full'")
    language: Any = options.language
    if not (language is None or language == "english" or isinstance(language, Language)):
        raise InvalidInputError("language is 'english', None or a Language")
    budget: Any = options.cache_bytes
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
        raise InvalidInputError("cache_bytes is a whole number from 0 on")
    most: Any = options.keep_versions
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 0):
        raise InvalidInputError("keep_versions is a whole number from 0 on, or None for all")
    encryption: Any = options.encryption
    if not (encryption is None or isinstance(encryption, Encryption)):
        raise InvalidInputError("encryption is an Encryption, or None")
    every: Any = options.sweep_every
    if every is not None and (not isinstance(every, int | float) or not every > 0):
        raise InvalidInputError("sweep_every is a number of seconds above 0, or None")
