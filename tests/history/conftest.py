"""A clock that tests set, and an embedder that counts what it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commonplace.testing import FakeClock


class CountingEmbedder(HashingEmbedder):
    """Counts the texts that are embedded to be stored."""

    def __init__(self, dimension: int = 32) -> None:
        super().__init__(dimension)
        self.texts = 0

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += len(texts)
        return super().embed_documents(texts)


@pytest.fixture
def counting() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def timed(clock: FakeClock, counting: CountingEmbedder) -> Iterator[Memory]:
    """A memory whose time the test moves, and which is whole when the test ends."""
    with Memory(":memory:", embedder=counting, clock=clock) as memory:
        yield memory
        assert memory.verify().problems == ()
