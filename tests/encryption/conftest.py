"""The fixtures of other tests, with every memory encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.history.conftest import counting  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture

from commonplace import Encryption, HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.history.conftest import CountingEmbedder

    from commonplace.testing import FakeClock

KEY = bytes(range(32))


@pytest.fixture
def memory(clock: FakeClock) -> Iterator[Memory]:
    encryption = Encryption(keys={"old": KEY})
    with Memory(
        ":memory:", embedder=HashingEmbedder(64), clock=clock, encryption=encryption
    ) as opened:
        yield opened
        assert opened.verify().ok


@pytest.fixture
def timed(clock: FakeClock, counting: CountingEmbedder) -> Iterator[Memory]:  # noqa: F811 - the fixture
    encryption = Encryption(keys={"old": KEY})
    with Memory(":memory:", embedder=counting, clock=clock, encryption=encryption) as opened:
        yield opened
        assert opened.verify().ok
