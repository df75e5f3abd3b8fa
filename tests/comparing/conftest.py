"""Two memories side by side, with clocks that tests set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clocks import StepClock


@pytest.fixture
def here(clock: StepClock) -> Iterator[Memory]:
    """The memory that is asked, and is whole when the test ends."""
    with Memory(":memory:", embedder=HashingEmbedder(32), clock=clock) as memory:
        yield memory
        assert memory.verify().problems == ()


@pytest.fixture
def there(clock: StepClock) -> Iterator[Memory]:
    """The other one."""
    with Memory(":memory:", embedder=HashingEmbedder(32), clock=clock) as memory:
        yield memory
        assert memory.verify().problems == ()
