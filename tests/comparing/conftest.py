"""Two memories side by side, with clocks that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator


class StepClock:
    """A clock that moves a microsecond a look, and further when it is told to."""

    def __init__(self) -> None:
        self.micros = 1_700_000_000_000_000

    def now(self) -> int:
        self.micros += 1
        return self.micros

    def moment(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.micros)

    def wait(self, seconds: float) -> datetime:
        self.micros += int(seconds * 1_000_000)
        return self.moment()


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


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
