"""`AsyncMemory`: the same verbs with `await`, from any event loop, without stalling it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread

from commonplace.aiothreads import AsyncThread, AsyncThreads
from commonplace.arguments import checked_function
from commonplace.errors import InvalidInputError
from commonplace.memory import Memory
from commonplace.workers import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self, Unpack

    from commonplace.embedders import Embedder
    from commonplace.maintenance import ReindexReport
    from commonplace.memory import MemoryOptions
    from commonplace.record import Source
    from commonplace.scope import ScopeLike

    P = ParamSpec("P")
    R = TypeVar("R")


def _threaded(
    verb: Callable[Concatenate[Memory, P], R],
) -> Callable[Concatenate[AsyncMemory, P], Awaitable[R]]:
    """The verb, run in a worker thread.

    A call that was cancelled is waited for first, so that a write is wholly in or wholly out and
    nothing is left running behind the caller's back.
    """

    @functools.wraps(verb)
    async def call(self: AsyncMemory, *args: P.args, **kwargs: P.kwargs) -> R:
        return await in_thread(functools.partial(verb, self.memory, *args, **kwargs))

    return call


class AsyncMemory:
    """A `Memory` for asynchronous code: the same verbs, arguments, results and errors.

    Works from any event loop, and from several one after the other. Opening and closing do file
    work: use `async with`, or `await AsyncMemory.open(...)`; `AsyncMemory(memory)` wraps a memory
    that is already open.

    Args:
        memory: the memory to use; its owner closes it, or this does on `close()`.

    Raises:
        InvalidInputError: that is no `Memory`, but a path, say.
    """

    def __init__(self, memory: Memory) -> None:
        if not isinstance(memory, Memory):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError(
                f"AsyncMemory wraps an open Memory, not {type(memory).__name__}; "
                "to open one by its path: await AsyncMemory.open(path)"
            )
        self.memory = memory

    @classmethod
    async def open(cls, *args: Any, **options: Any) -> Self:
        """Open a memory; the arguments and errors are those of `Memory`."""
        return cls(await in_thread(functools.partial(Memory, *args, **options)))

    @classmethod
    async def from_config(
        cls,
        path: str | Path | None = None,
        *,
        config: str | Path | None = None,
        **options: Unpack[MemoryOptions],
    ) -> Self:
        """Open the memory that the configuration names; see `Memory.from_config`."""
        opening = functools.partial(Memory.from_config, path, config=config, **options)
        return cls(await in_thread(opening))

    def scope(self, scope: ScopeLike) -> Self:
        """See `Memory.scope`; needs no `await`."""
        return type(self)(self.memory.scope(scope))

    def view(self, *, read: Sequence[ScopeLike], write: ScopeLike | None = None) -> Self:
        """See `Memory.view`; needs no `await`."""
        return type(self)(self.memory.view(read=read, write=write))

    @property
    def threads(self) -> AsyncThreads:
        """See `Memory.threads`; needs no `await`."""
        return AsyncThreads(self.memory.threads)

    def thread(
        self,
        name: str,
        *,
        scope: ScopeLike | None = None,
        source: Source | Mapping[str, Any] | None = None,
        summarizer: Any = None,
        summarize_every: int | None = None,
        summary_tokens: int = 400,
        extractor: Any = None,
        embed: bool = True,
    ) -> AsyncThread:
        """See `Memory.thread`; needs no `await`."""
        return AsyncThread(
            self.memory.thread(
                name,
                scope=scope,
                source=source,
                summarizer=summarizer,
                summarize_every=summarize_every,
                summary_tokens=summary_tokens,
                extractor=extractor,
                embed=embed,
            )
        )

    @property
    def embedder(self) -> Embedder:
        """See `Memory.embedder`; needs no `await`."""
        return self.memory.embedder

    @property
    def directory(self) -> Path | None:
        """See `Memory.directory`; needs no `await`."""
        return self.memory.directory

    @property
    def url(self) -> str | None:
        """See `Memory.url`; needs no `await`."""
        return self.memory.url

    add = _threaded(Memory.add)
    add_many = _threaded(Memory.add_many)
    put_many = _threaded(Memory.put_many)
    update = _threaded(Memory.update)
    note_reading = _threaded(Memory.note_reading)
    delete = _threaded(Memory.delete)
    sweep = _threaded(Memory.sweep)
    get = _threaded(Memory.get)
    get_many = _threaded(Memory.get_many)
    list = _threaded(Memory.list)
    count = _threaded(Memory.count)
    scopes = _threaded(Memory.scopes)
    timeline = _threaded(Memory.timeline)
    search = _threaded(Memory.search)
    recall = _threaded(Memory.recall)
    get_keys = _threaded(Memory.get_keys)
    exchange = _threaded(Memory.exchange)
    renew = _threaded(Memory.renew)
    find_scopes = _threaded(Memory.find_scopes)
    spaces = _threaded(Memory.spaces)
    vectors = _threaded(Memory.vectors)
    tags = _threaded(Memory.tags)
    history = _threaded(Memory.history)
    restore = _threaded(Memory.restore)
    archive = _threaded(Memory.archive)
    purge = _threaded(Memory.purge)
    roll_back = _threaded(Memory.roll_back)
    supersede = _threaded(Memory.supersede)
    share = _threaded(Memory.share)
    unshare = _threaded(Memory.unshare)
    maintain = _threaded(Memory.maintain)
    link = _threaded(Memory.link)
    unlink = _threaded(Memory.unlink)
    links = _threaded(Memory.links)
    related = _threaded(Memory.related)
    path = _threaded(Memory.path)
    events = _threaded(Memory.events)
    on = _threaded(Memory.on)
    diff = _threaded(Memory.diff)
    merge = _threaded(Memory.merge)
    sync = _threaded(Memory.sync)
    export = _threaded(Memory.export)
    import_ = _threaded(Memory.import_)
    import_records = _threaded(Memory.import_records)
    export_vectors = _threaded(Memory.export_vectors)
    set_quota = _threaded(Memory.set_quota)
    quotas = _threaded(Memory.quotas)
    rotate_keys = _threaded(Memory.rotate_keys)
    erase = _threaded(Memory.erase)
    receipts = _threaded(Memory.receipts)
    check_receipt = _threaded(Memory.check_receipt)
    compact = _threaded(Memory.compact)
    audit = _threaded(Memory.audit)
    check_audit = _threaded(Memory.check_audit)
    flush = _threaded(Memory.flush)
    verify = _threaded(Memory.verify)
    repair = _threaded(Memory.repair)
    backup = _threaded(Memory.backup)
    stats = _threaded(Memory.stats)
    close = _threaded(Memory.close)

    async def reindex(
        self,
        embedder: Any,
        *,
        keep_old: bool = False,
        batch: int = 256,
        progress: Callable[[int, int], None] | None = None,
        dry_run: bool = False,
    ) -> ReindexReport:
        """See `Memory.reindex`; `progress` is called from a worker thread.

        A call that was cancelled stops after the batch under way. Calling it again goes on there.
        """
        checked_function(progress, "progress")

        def told(done: int, total: int) -> None:
            anyio.from_thread.check_cancelled()
            if progress is not None:
                progress(done, total)

        return await anyio.to_thread.run_sync(
            functools.partial(
                self.memory.reindex,
                embedder,
                keep_old=keep_old,
                batch=batch,
                progress=told,
                dry_run=dry_run,
            )
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.memory!r}>"
