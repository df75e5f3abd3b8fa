"""Two memories side by side, with clocks that tests set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.testing import FakeClock


@pytest.fixture
def here(clock: FakeClock) -> Iterator[Memory]:
    """The memory that is asked, and is whole when the test ends."""
    with Memory(":memory:", embedder=HashingEmbedder(32), clock=clock) as memory:
        yield memory
        assert memory.verify().problems == ()


@pytest.fixture
def there(clock: FakeClock) -> Iterator[Memory]:
    """The other one."""
    with Memory(":memory:", embedder=HashingEmbedder(32), clock=clock) as memory:
        yield memory
        assert memory.verify().problems == ()
