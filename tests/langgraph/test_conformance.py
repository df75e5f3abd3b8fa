"""Our store passes every case of the conformance suite, in memory, on disk and under a scope."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from langgraph_store_commonplace import CommonplaceStore
from langgraph_store_commonplace.testing import StoreConformance
from tests.clocks import StepClock

from commonplace import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Ours(StoreConformance):
    clock = StepClock()
    scope = ""

    @contextlib.contextmanager
    def factory(self, *, index: Any, ttl: Any, path: Path | str = ":memory:") -> Iterator[Any]:
        with Memory(path, clock=self.clock, embedder=self.embedder(index)) as memory:
            yield CommonplaceStore(memory, index=index or False, ttl=ttl, scope=self.scope)

    def embedder(self, index: Any) -> Any:
        return index and index["embed"]

    def sleep(self, seconds: float) -> None:
        self.clock.wait(seconds)


class TestInMemory(_Ours):
    pass
