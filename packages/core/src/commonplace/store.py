"""`Store`: what the views of one memory share: ledger, index, embedder, threads, and their end."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commonplace.clock import Clock, SystemClock, new_id
from commonplace.embedding import OWN_SPACE, Vectoriser
from commonplace.errors import ClosedStoreError, ForkedStoreError, InvalidInputError
from commonplace.index import open_index
from commonplace.jsonvalue import checked_text
from commonplace.ledger import Ledger, Selection
from commonplace.maintenance import Report, Stats, Sweeper, repair, stats, verify
from commonplace.middleware import Chain
from commonplace.reading import Reader
from commonplace.search import Searcher, VectorCache
from commonplace.writing import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonplace.ledger import Durability
    from commonplace.middleware import ReadMiddleware, WriteMiddleware
    from commonplace.scope import Scope

IN_MEMORY = ":memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a memory was opened; see `Memory`."""

    embedder: Any
    index: str
    durability: Durability
    cache_bytes: int
    sweep_every: float | None
    clock: Clock | None
    create: bool
    middleware: Sequence[WriteMiddleware | ReadMiddleware]


class Store:
    """The shared inside of a memory.

    Args:
        path: the directory, or `":memory:"`.
        options: see `Memory`.
    """

    def __init__(self, path: str | Path, options: Options) -> None:
        _check_options(options)
        chain = Chain(options.middleware)
        directory = _directory(path)
        self.name = IN_MEMORY if directory is None else str(directory)
        self._clock = options.clock or SystemClock()
        self._vectoriser = Vectoriser(options.embedder)
        self._ledger = Ledger.open(directory, durability=options.durability, create=options.create)
        try:
            if options.embedder is not None:
                self._check_model()
            self._index = open_index(self._ledger, directory, options.index)
        except BaseException:
            self._ledger.close()
            raise
        cache = VectorCache(options.cache_bytes)
        searcher = Searcher(self._ledger, self._index, cache)
        self._writer = Writer(self._ledger, self._vectoriser, chain, self._clock, self._index.nudge)
        self._reader = Reader(self._ledger, self._vectoriser, chain, searcher)
        self._sweeper = Sweeper(_weakly(self._sweep_all), options.sweep_every)
        self._process = os.getpid()
        self._closing = threading.Lock()
        self._closed = False
        self._finalizer = weakref.finalize(
            self, _release, self._process, self._sweeper, self._index, self._ledger
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
        return repair(self._ledger, self._index)

    def stats(self) -> Stats:
        """Counts and sizes."""
        self._check_open()
        return stats(self._ledger, self._index, now=self.now())

    def close(self) -> None:
        """Release everything. Idempotent; harmless in a forked child."""
        if os.getpid() != self._process:
            return
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._finalizer()

    def _check_open(self) -> None:
        if os.getpid() != self._process:
            raise ForkedStoreError(
                f"memory {self.name!r} was opened before os.fork; open it anew in the child"
            )
        if self._closed:
            raise ClosedStoreError(f"memory {self.name!r} is closed; open it again")

    def _check_model(self) -> None:
        with self._ledger.read() as snapshot:
            self._vectoriser.check(snapshot.spaces().get(OWN_SPACE))

    def _sweep_all(self) -> None:
        self._writer.sweep(Selection.everything(now=self.now()))


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


def _directory(path: object) -> Path | None:
    if path == IN_MEMORY:
        return None
    if not isinstance(path, str | Path) or not str(path):
        raise InvalidInputError("a memory's path is the directory it lives in, or ':memory:'")
    text = checked_text(str(path), "path")
    if "\0" in text:
        raise InvalidInputError("a memory's path may not hold a NUL character")
    return Path(text).expanduser().absolute()


def _check_options(options: Options) -> None:
    if options.durability not in {"normal", "full"}:
        raise InvalidInputError("durability is 'normal' or 'full'")
    budget: Any = options.cache_bytes
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
        raise InvalidInputError("cache_bytes is a whole number from 0 on")
    every: Any = options.sweep_every
    if every is not None and (not isinstance(every, int | float) or not every > 0):
        raise InvalidInputError("sweep_every is a number of seconds above 0, or None")
