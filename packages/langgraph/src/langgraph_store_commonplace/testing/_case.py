"""A conformance case: a numbered sentence about stores, and the program that tries it."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from langgraph.store.base import BaseStore

from langgraph_store_commonplace.testing._embeddings import DIMS, WordEmbeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable

    from langgraph.store.base import IndexConfig, Op, TTLConfig

Program: TypeAlias = "Callable[[Trial], None]"

CAPABILITIES = {
    "put_get": "values by key",
    "delete": "deleting",
    "search_prefix": "listing by prefix",
    "filter": "filters",
    "paging": "limit and offset",
    "list_namespaces": "listing namespaces",
    "batch": "batches",
    "namespace_validation": "malformed namespaces",
    "concurrency": "threads and event loops",
    "isolation_copy": "what is stored is a copy",
    "ordering": "times and order",
    "semantic": "search by meaning",
    "index_paths": "indexed paths",
    "scores": "scores",
    "unscored_tail": "items without a vector",
    "ttl": "expiry",
    "ttl_refresh": "expiry renewed by reads",
    "omit_expired": "expired items are invisible",
    "persistence": "opening again",
}
"""What a case is about, each with a title. A store may lack some of them."""

BASE = tuple(CAPABILITIES)[:9]
"""The capabilities that every `BaseStore` has."""


Factory: TypeAlias = "Callable[..., BaseStore | AbstractContextManager[BaseStore]]"
"""Makes an empty store: `factory(index=..., ttl=...)` gives it, or a context manager that does.

Called once for each case. A factory that also takes `path`, a directory that outlives the store,
is tried for persistence. One that raises `NotImplementedError` is not asked what it cannot make.
"""


@dataclass(slots=True)
class Trial:
    """What a case works with.

    Attributes:
        store: the store that is tried, empty at first.
        embeddings: what embeds its texts, if the case has an index.
        sleep: lets so many seconds pass for the store.
        again: opens another store on the same data.
    """

    store: BaseStore
    embeddings: WordEmbeddings
    sleep: Callable[[float], None]
    again: Callable[[], AbstractContextManager[BaseStore]]

    def batch(self, operations: Iterable[Op]) -> list[Any]:
        """What the store answers to a batch; each case knows what it asked."""
        return self.store.batch(operations)

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine in an event loop of its own."""
        return asyncio.run(work())


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One sentence that a store keeps or breaks.

    Attributes:
        id: capability and number, such as `filter-03`.
        capability: one of `CAPABILITIES`.
        says: the sentence.
        rests_on: the upstream docstring, test or thread behind it.
        fields: the paths that the index is set up with; None for a store without an index.
        ttl: the expiry settings that the store is set up with.
    """

    id: str
    capability: str
    says: str
    rests_on: str
    program: Program = field(repr=False)
    fields: tuple[str, ...] | None = None
    ttl: TTLConfig | None = None

    def run(self, factory: Factory, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Try a store of this factory.

        Args:
            factory: makes the store.
            sleep: lets seconds pass; stores whose clock is set by the test pass it on.

        Raises:
            NotTriedError: the factory takes no `path`, and the case needs one.
            AssertionError: the store breaks the sentence.
            Exception: whatever the store raised.
        """
        embeddings = WordEmbeddings()
        index: IndexConfig | None = None
        if self.fields is not None:
            index = {"dims": DIMS, "embed": embeddings, "fields": list(self.fields)}
        with _place(factory, needed=self.capability == "persistence") as place:

            def again() -> AbstractContextManager[BaseStore]:
                try:
                    return _opened(factory(index=index, ttl=self.ttl, **place))
                except NotImplementedError as error:
                    raise NotTriedError(str(error)) from error

            with again() as store:
                self.program(Trial(store, embeddings, sleep, again))

    def __str__(self) -> str:
        return self.id


CASES: list[Case] = []


def case(
    capability: str,
    says: str,
    rests_on: str,
    *,
    fields: tuple[str, ...] | None = None,
    ttl: TTLConfig | None = None,
) -> Callable[[Program], Program]:
    """Register a program as the next case of a capability."""

    def register(program: Program) -> Program:
        number = sum(one.capability == capability for one in CASES) + 1
        made = Case(
            id=f"{capability}-{number:02d}",
            capability=capability,
            says=says,
            rests_on=rests_on,
            program=program,
            fields=fields,
            ttl=ttl,
        )
        CASES.append(made)
        return program

    return register


class NotTriedError(Exception):
    """The factory cannot make what a case needs."""


@contextlib.contextmanager
def _place(factory: Factory, *, needed: bool) -> Generator[dict[str, Any]]:
    """What a factory is told beside index and expiry: a directory, for stores that are reopened."""
    if not needed:
        yield {}
        return
    if "path" not in inspect.signature(factory).parameters:
        raise NotTriedError("the factory takes no path")
    with tempfile.TemporaryDirectory() as directory:
        yield {"path": Path(directory)}


@contextlib.contextmanager
def _opened(made: BaseStore | AbstractContextManager[BaseStore]) -> Generator[BaseStore]:
    if isinstance(made, BaseStore):
        yield made
    else:
        with made as store:
            yield store
