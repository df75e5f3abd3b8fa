"""A memory whose time stands still until it is told to move on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.testing import FakeClock


@pytest.fixture
def memory(clock: FakeClock) -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as opened:
        yield opened
        assert opened.verify().ok  # whatever a test does, every count stays right
