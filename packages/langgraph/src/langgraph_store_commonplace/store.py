"""`CommonplaceStore` and `AsyncCommonplaceStore`: a Commonplace memory as a LangGraph store."""

from __future__ import annotations

import asyncio
import contextlib
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from langgraph.store.base import BaseStore, IndexConfig, SearchOp, TTLConfig

from commonplace import InvalidInputError, Memory, Scope
from langgraph_store_commonplace._engine import Engine
from langgraph_store_commonplace._index import Index
from langgraph_store_commonplace._operations import (
    Batch,
    Get,
    Mode,
    checked_namespace,
    checked_search,
)
from langgraph_store_commonplace._sweeper import Sweeper

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
    from concurrent.futures import Future
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from langgraph.store.base import Item, Op, Result, SearchItem

    from commonplace.scope import ScopeLike

R = TypeVar("R")

_MODES = ("dense", "hybrid", "lexical")
_SWEPT_EVERY = 5.0


class _Store(BaseStore):
    """What both stores share: everything but the spelling of opening, closing and sweeping."""

    supports_ttl = True

    def __init__(
        self,
        memory: Memory | str | Path,
        *,
        index: IndexConfig | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
        scope: ScopeLike = "",
        mode: Mode = "dense",
    ) -> None:
        if mode not in _MODES:
            raise InvalidInputError(f"mode is one of {', '.join(map(repr, _MODES))}")
        handed_in = isinstance(memory, Memory)
        found = None if index is False else Index.of(index, apart=handed_in)
        self.index_config: IndexConfig | None = index or None
        self.ttl_config = ttl
        self.memory = memory if isinstance(memory, Memory) else _opened(memory, found)
        self._owned = not handed_in
        self._engine = Engine(self.memory, Scope.of(scope), found, mode)
        self._embedding = None if found is None else found.embedding
        self.embeddings = None if self._embedding is None else self._embedding.embeddings
        self._sweeper = Sweeper(self._engine.sweep)

    # The whole contract: every other verb is one of these with a single operation.

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations; their results, in order.

        Reads see the state before the batch; writes of one item are done once, the last wins; all
        writes are one transaction. Nothing is written if any operation is malformed.

        Raises:
            InvalidNamespaceError: a namespace is malformed.
            InvalidInputError: another argument is, a `ValueError`.
            EmbedderError: the embedding function failed.
        """
        return self._engine.run(Batch.of(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """The same, in a worker thread, from any event loop.

        An embedding function that is asynchronous runs in the caller's loop. A call that is
        cancelled is waited for: its writes are wholly in or wholly out.
        """
        return await self._in_thread(Batch.of(ops))

    # What LangGraph's operations have no room for

    def get(
        self,
        namespace: tuple[str, ...],
        key: str,
        *,
        refresh_ttl: bool | None = None,
        as_of: datetime | None = None,
    ) -> Item | None:
        """The item with this key, or None.

        Args:
            namespace: where it is.
            key: its name there.
            refresh_ttl: whether its time to live begins anew; as `ttl` was set up if left out.
            as_of: as it was at this moment, as far as its history is kept.
        """
        if as_of is None:
            return super().get(namespace, key, refresh_ttl=refresh_ttl)
        return self._engine.run(_past(namespace, key, as_of))[0]

    async def aget(
        self,
        namespace: tuple[str, ...],
        key: str,
        *,
        refresh_ttl: bool | None = None,
        as_of: datetime | None = None,
    ) -> Item | None:
        """See `get`."""
        if as_of is None:
            return await super().aget(namespace, key, refresh_ttl=refresh_ttl)
        return (await self._in_thread(_past(namespace, key, as_of)))[0]

    def search(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's name everywhere
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
        mode: Mode | None = None,
        as_of: datetime | None = None,
    ) -> list[SearchItem]:
        """The items below a prefix, the nearest to the query first, or the last written first.

        Args:
            namespace_prefix: whole labels; `()` is everything.
            query: what to look for by meaning. Items without a vector follow, with score None.
            filter: what their values must hold, such as `{"kind": "fact", "stars": {"$gte": 4}}`.
                Beyond LangGraph's operators: `$in $nin $exists $contains $and $or $not`.
            limit: at most so many.
            offset: after so many.
            refresh_ttl: as in `get`.
            mode: `dense` scores by cosine, `lexical` by words, `hybrid` by both; as the store was
                set up if left out.
            as_of: as in `get`.
        """
        if mode is None and as_of is None:
            return super().search(
                namespace_prefix,
                query=query,
                filter=filter,  # pyright: ignore[reportArgumentType] - any mapping is read
                limit=limit,
                offset=offset,
                refresh_ttl=refresh_ttl,
            )
        asked = self._search_op(namespace_prefix, query, filter, limit, offset, refresh_ttl)
        return self._engine.run(_searched(asked, mode, as_of))[0]

    async def asearch(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's name everywhere
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
        mode: Mode | None = None,
        as_of: datetime | None = None,
    ) -> list[SearchItem]:
        """See `search`."""
        if mode is None and as_of is None:
            return await super().asearch(
                namespace_prefix,
                query=query,
                filter=filter,  # pyright: ignore[reportArgumentType] - any mapping is read
                limit=limit,
                offset=offset,
                refresh_ttl=refresh_ttl,
            )
        asked = self._search_op(namespace_prefix, query, filter, limit, offset, refresh_ttl)
        return (await self._in_thread(_searched(asked, mode, as_of)))[0]

    def count(
        self,
        namespace_prefix: tuple[str, ...] = (),
        /,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's name everywhere
        as_of: datetime | None = None,
    ) -> int:
        """How many items there are below a prefix; the arguments are those of `search`."""
        return self._engine.count(checked_namespace(namespace_prefix), filter, as_of)

    async def acount(
        self,
        namespace_prefix: tuple[str, ...] = (),
        /,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's name everywhere
        as_of: datetime | None = None,
    ) -> int:
        """See `count`."""
        prefix = checked_namespace(namespace_prefix)
        return await _in_thread(lambda: self._engine.count(prefix, filter, as_of))

    def delete_namespace(
        self, namespace_prefix: tuple[str, ...], /, *, everything: bool = False
    ) -> int:
        """Delete every item at and below a prefix; how many there were.

        Args:
            namespace_prefix: whole labels.
            everything: must be True for `()`, which is the whole store.

        Raises:
            InvalidInputError: the prefix is empty, without `everything=True`.
        """
        return self._engine.delete_namespace(_deletable(namespace_prefix, everything=everything))

    async def adelete_namespace(
        self, namespace_prefix: tuple[str, ...], /, *, everything: bool = False
    ) -> int:
        """See `delete_namespace`."""
        prefix = _deletable(namespace_prefix, everything=everything)
        return await _in_thread(lambda: self._engine.delete_namespace(prefix))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.memory!r}>"

    def _search_op(
        self,
        prefix: tuple[str, ...],
        query: str | None,
        filter_: Any,
        limit: int,
        offset: int,
        refresh_ttl: bool | None,  # noqa: FBT001 - LangGraph's own argument
    ) -> SearchOp:
        refresh = refresh_ttl if refresh_ttl is not None else self._refreshes
        return SearchOp(prefix, filter_, limit, offset, query, refresh)

    @property
    def _refreshes(self) -> bool:
        return (self.ttl_config or {}).get("refresh_on_read", True)

    async def _in_thread(self, batch: Batch) -> list[Any]:
        embedding = self._embedding
        if embedding is None or not embedding.has_async:
            return await _in_thread(lambda: self._engine.run(batch))
        prepared = await embedding.prepare(*self._engine.texts(batch))

        def work() -> list[Any]:
            with embedding.using(prepared):
                return self._engine.run(batch)

        return await _in_thread(work)


class CommonplaceStore(_Store):
    """A Commonplace memory as a LangGraph store: `graph.compile(store=CommonplaceStore(path))`.

    Every verb, synchronous and asynchronous, works from any thread and any event loop, and inside
    a running loop too. Values are JSON and come back equal; what is returned is the caller's own.

    Args:
        memory: a memory or a view of one, which its owner closes; or the path of a memory, which
            this store opens and closes; `":memory:"` for one that is gone when it is closed.
        index: what is embedded, and by what: `{"dims": ..., "embed": ..., "fields": [...]}`. Left
            out, whole values are embedded by the memory's own embedder, which needs no download;
            so are the fields, if only `fields` is given. False for no search by meaning. The
            function given for a path becomes the memory's own embedder; with a memory that was
            handed in, its vectors are kept beside those of the memory's own.
        ttl: `default_ttl`, `refresh_on_read` and `sweep_interval_minutes`, in minutes. Expired
            items are invisible at once, whatever `omit_expired` says.
        scope: the scope of the memory under which all namespaces lie.
        mode: how searches rank: `dense` by cosine, as LangGraph's own stores do; `hybrid` by
            meaning and words; `lexical` by words.

    Raises:
        InvalidInputError: a setting is malformed.
        ModelMismatchError: another function made the vectors of the memory at this path.
    """

    @classmethod
    @contextlib.contextmanager
    def from_conn_string(
        cls,
        conn_string: str,
        *,
        index: IndexConfig | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
        scope: ScopeLike = "",
        mode: Mode = "dense",
    ) -> Generator[Self]:
        """A store on the memory at this path, closed when the block ends."""
        with cls(conn_string, index=index, ttl=ttl, scope=scope, mode=mode) as store:
            yield store

    def setup(self) -> None:
        """Nothing: a memory is ready when it is opened. Here because other stores have it."""

    def sweep_ttl(self) -> int:
        """Remove expired items for good; how many there were. They are invisible before."""
        return self._engine.sweep()

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """Remove expired items now and then, in a thread of its own.

        Args:
            sweep_interval_minutes: how often; as `ttl` was set up, or every 5, if left out.

        Returns:
            A future that ends when the sweeper does; cancelling it stops the sweeper.
        """
        return self._sweeper.start(60 * _interval(sweep_interval_minutes, self.ttl_config))

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop removing expired items.

        Args:
            timeout: how many seconds to wait for a sweep under way; None for as long as it takes.

        Returns:
            Whether it has stopped.
        """
        return self._sweeper.stop(timeout)

    def close(self) -> None:
        """Stop the sweeper, and close the memory if this store opened it. Idempotent."""
        self._sweeper.stop(None)
        if self._owned:
            self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncCommonplaceStore(_Store):
    """`CommonplaceStore` for asynchronous programs: opening, closing and sweeping with `await`.

    The verbs are the same, and the synchronous ones work too. Use it where an asynchronous context
    manager is asked for, such as in `langgraph.json`. The arguments are those of
    `CommonplaceStore`.
    """

    _task: asyncio.Task[None] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def from_conn_string(
        cls,
        conn_string: str,
        *,
        index: IndexConfig | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
        scope: ScopeLike = "",
        mode: Mode = "dense",
    ) -> AsyncGenerator[Self]:
        """A store on the memory at this path, closed when the block ends."""
        store = await _in_thread(
            lambda: cls(conn_string, index=index, ttl=ttl, scope=scope, mode=mode)
        )
        async with store:
            yield store

    async def setup(self) -> None:
        """Nothing: a memory is ready when it is opened. Here because other stores have it."""

    async def sweep_ttl(self) -> int:
        """See `CommonplaceStore.sweep_ttl`."""
        return await _in_thread(self._engine.sweep)

    async def start_ttl_sweeper(
        self, sweep_interval_minutes: float | None = None
    ) -> asyncio.Task[None]:
        """Remove expired items now and then, in a task of the running loop.

        Args:
            sweep_interval_minutes: how often; as `ttl` was set up, or every 5, if left out.

        Returns:
            The task; cancelling it stops the sweeper.
        """
        if self._task is None or self._task.done():
            seconds = 60 * _interval(sweep_interval_minutes, self.ttl_config)
            self._task = asyncio.create_task(self._sweep_every(seconds), name="ttl-sweeper")
        return self._task

    async def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - as the shipped stores spell it
        """See `CommonplaceStore.stop_ttl_sweeper`."""
        task, self._task = self._task, None
        if task is None or task.done():
            return True
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=timeout)
        return bool(done)

    async def close(self) -> None:
        """Stop the sweeper, and close the memory if this store opened it. Idempotent."""
        await self.stop_ttl_sweeper()
        if self._owned:
            await _in_thread(self.memory.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _sweep_every(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.sweep_ttl()


async def _in_thread(work: Callable[[], R]) -> R:
    """What the work gives or raises, in a worker thread; a cancelled call waits for it first."""
    loop = asyncio.get_running_loop()
    running = loop.run_in_executor(None, copy_context().run, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _opened(path: str | Path, index: Index | None) -> Memory:
    embedding = None if index is None else index.embedding
    return Memory(path, embedder=None if embedding is None else embedding.embedder)


def _past(namespace: tuple[str, ...], key: str, as_of: datetime) -> Batch:
    checked = checked_namespace(namespace)
    return Batch.of([Get(namespace=checked, key=str(key), refresh=False, as_of=as_of)])


def _searched(operation: SearchOp, mode: Mode | None, as_of: datetime | None) -> Batch:
    if mode is not None and mode not in _MODES:
        raise InvalidInputError(f"mode is one of {', '.join(map(repr, _MODES))}")
    return Batch.of([checked_search(operation, mode=mode, as_of=as_of)])


def _deletable(namespace: tuple[str, ...], *, everything: bool) -> tuple[str, ...]:
    prefix = checked_namespace(namespace)
    if not prefix and everything is not True:
        raise InvalidInputError("deleting all namespaces takes everything=True")
    return prefix


def _interval(minutes: float | None, config: TTLConfig | None) -> float:
    return float(minutes or (config or {}).get("sweep_interval_minutes") or _SWEPT_EVERY)
