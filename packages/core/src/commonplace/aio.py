"""`AsyncMemory`: the same verbs with `await`, from any event loop, without stalling it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import anyio.to_thread

from commonplace.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType
    from typing import Self

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
        bound = functools.partial(verb, self.memory, *args, **kwargs)
        return await anyio.to_thread.run_sync(bound)

    return call


class AsyncMemory:
    """A `Memory` for asynchronous code: the same verbs, arguments, results and errors.

    Works from any event loop, and from several one after the other. Opening and closing do file
    work: use `async with`, or `await AsyncMemory.open(...)`; `AsyncMemory(memory)` wraps a memory
    that is already open.

    Args:
        memory: the memory to use; its owner closes it, or this does on `close()`.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    @classmethod
    async def open(cls, *args: Any, **options: Any) -> Self:
        """Open a memory; the arguments and errors are those of `Memory`."""
        return cls(await anyio.to_thread.run_sync(functools.partial(Memory, *args, **options)))

    def scope(self, scope: ScopeLike) -> Self:
        """See `Memory.scope`; needs no `await`."""
        return type(self)(self.memory.scope(scope))

    def view(self, *, read: Sequence[ScopeLike], write: ScopeLike | None = None) -> Self:
        """See `Memory.view`; needs no `await`."""
        return type(self)(self.memory.view(read=read, write=write))

    add = _threaded(Memory.add)
    add_many = _threaded(Memory.add_many)
    update = _threaded(Memory.update)
    delete = _threaded(Memory.delete)
    sweep = _threaded(Memory.sweep)
    get = _threaded(Memory.get)
    get_many = _threaded(Memory.get_many)
    list = _threaded(Memory.list)
    count = _threaded(Memory.count)
    scopes = _threaded(Memory.scopes)
    search = _threaded(Memory.search)
    export = _threaded(Memory.export)
    import_ = _threaded(Memory.import_)
    import_records = _threaded(Memory.import_records)
    export_vectors = _threaded(Memory.export_vectors)
    flush = _threaded(Memory.flush)
    verify = _threaded(Memory.verify)
    repair = _threaded(Memory.repair)
    stats = _threaded(Memory.stats)
    close = _threaded(Memory.close)

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
