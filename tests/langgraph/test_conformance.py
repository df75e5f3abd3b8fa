"""Our store passes every case of the conformance suite, however it is made."""

from __future__ import annotations

import contextlib
import tempfile
from typing import TYPE_CHECKING, Any

from commonplace import CallableEmbedder, HashingEmbedder, Memory
from commonplace.testing import FakeClock
from langgraph_store_commonplace import AsyncCommonplaceStore, CommonplaceStore
from langgraph_store_commonplace.testing import CAPABILITIES, StoreConformance

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class _Ours(StoreConformance):
    """Stores on a memory whose own embedder is the one of the case, and whose clock is set."""

    clock = FakeClock()
    kind: type[CommonplaceStore | AsyncCommonplaceStore] = CommonplaceStore
    scope = ""

    @contextlib.contextmanager
    def factory(self, *, index: Any, ttl: Any, path: Path | str = ":memory:") -> Generator[Any]:
        with Memory(path, clock=self.clock, embedder=_behind_the_port(index)) as memory:
            fields = {"fields": index["fields"]} if index else False
            yield self.kind(memory, index=fields, ttl=ttl, scope=self.scope)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a dict of its fields

    def sleep(self, seconds: float) -> None:
        self.clock.wait(seconds)


class TestInMemory(_Ours):
    pass


class TestUnderAScope(_Ours):
    scope = "apps/one"
    skip = ("filter", "ttl", "ttl_refresh", "omit_expired", "scores", "index_paths")


class TestAsynchronous(_Ours):
    kind = AsyncCommonplaceStore
    skip = set(CAPABILITIES) - {"concurrency", "ttl", "ttl_refresh", "persistence"}


class TestOnDisk(_Ours):
    """Stores on a file, whose function's vectors lie in a space of their own."""

    @contextlib.contextmanager
    def factory(self, *, index: Any, ttl: Any, path: Path | str | None = None) -> Generator[Any]:
        with (
            tempfile.TemporaryDirectory() as place,
            Memory(path or place, clock=self.clock, embedder=HashingEmbedder(8)) as memory,
        ):
            yield CommonplaceStore(memory, index=index or False, ttl=ttl)


def _behind_the_port(index: Any) -> CallableEmbedder | None:
    """The embedding function of a case, which counts what it embeds."""
    if index is None:
        return None
    embed = index["embed"]
    return CallableEmbedder(
        embed.embed_documents,
        identity="words",
        dimension=index["dims"],
        embed_queries=lambda texts: [embed.embed_query(text) for text in texts],
        passage_length=None,
    )
