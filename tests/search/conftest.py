from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.testing import FakeClock


@pytest.fixture
def timed(clock: FakeClock) -> Iterator[Memory]:
    """A memory whose time the test moves."""
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
        yield memory
