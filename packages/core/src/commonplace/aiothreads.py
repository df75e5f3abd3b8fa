"""`AsyncThread` and `AsyncThreads`: conversations for asynchronous code."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from commonplace.verbs.thread import Thread
from commonplace.verbs.threads import Threads
from commonplace.workers import in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from commonplace.scope import ScopeLike

    P = ParamSpec("P")
    R = TypeVar("R")


def _thread(
    verb: Callable[Concatenate[Thread, P], R],
) -> Callable[Concatenate[AsyncThread, P], Awaitable[R]]:
    @functools.wraps(verb)
    async def call(self: AsyncThread, *args: P.args, **kwargs: P.kwargs) -> R:
        return await in_thread(functools.partial(verb, self.thread, *args, **kwargs))

    return call


def _threads(
    verb: Callable[Concatenate[Threads, P], R],
) -> Callable[Concatenate[AsyncThreads, P], Awaitable[R]]:
    @functools.wraps(verb)
    async def call(self: AsyncThreads, *args: P.args, **kwargs: P.kwargs) -> R:
        return await in_thread(functools.partial(verb, self.threads, *args, **kwargs))

    return call


class AsyncThread:
    """A `Thread` for asynchronous code: the same verbs with `await`. `AsyncMemory.thread` gives it.

    Args:
        thread: the thread to use.
    """

    def __init__(self, thread: Thread) -> None:
        self.thread = thread

    @property
    def name(self) -> str:
        """See `Thread.name`; needs no `await`."""
        return self.thread.name

    info = _thread(Thread.info)
    create = _thread(Thread.create)
    update = _thread(Thread.update)
    add = _thread(Thread.add)
    replace = _thread(Thread.replace)
    messages = _thread(Thread.messages)
    get = _thread(Thread.get)
    context = _thread(Thread.context)
    update_message = _thread(Thread.update_message)
    delete_messages = _thread(Thread.delete_messages)
    pop = _thread(Thread.pop)
    clear = _thread(Thread.clear)
    end = _thread(Thread.end)
    reopen = _thread(Thread.reopen)
    delete = _thread(Thread.delete)
    search = _thread(Thread.search)
    stats = _thread(Thread.stats)
    summary = _thread(Thread.summary)
    summarize = _thread(Thread.summarize)
    extract = _thread(Thread.extract)

    async def branch(
        self, key: str, *, at: int | str | None = None, scope: ScopeLike | None = None
    ) -> AsyncThread:
        """See `Thread.branch`."""
        branch = functools.partial(self.thread.branch, key, at=at, scope=scope)
        return AsyncThread(await in_thread(branch))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.thread!r}>"


class AsyncThreads:
    """The `Threads` of a memory for asynchronous code. `AsyncMemory.threads` gives it.

    Args:
        threads: what to use.
    """

    def __init__(self, threads: Threads) -> None:
        self.threads = threads

    get = _threads(Threads.get)
    get_or_create = _threads(Threads.get_or_create)
    list = _threads(Threads.list)
    count = _threads(Threads.count)
    delete = _threads(Threads.delete)
    stats = _threads(Threads.stats)
    export = _threads(Threads.export)
    import_ = _threads(Threads.import_)
    sweep = _threads(Threads.sweep)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.threads!r}>"
