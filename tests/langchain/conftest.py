from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # LangChain's own code needs asyncio


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(64)) as opened:
        yield opened
