"""A store, and the clock that tests set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory
from commonplace.testing import FakeClock
from langgraph_store_commonplace import CommonplaceStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["in memory", "on disk"])
def memory(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[Memory]:
    where = ":memory:" if request.param == "in memory" else tmp_path / "memory"
    with Memory(where, embedder=HashingEmbedder(64), clock=clock) as opened:
        yield opened


@pytest.fixture
def store(memory: Memory) -> CommonplaceStore:
    return CommonplaceStore(memory)
