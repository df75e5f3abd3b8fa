from __future__ import annotations

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


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def timed(clock: StepClock) -> Iterator[Memory]:
    """A memory whose time the test moves."""
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
        yield memory
