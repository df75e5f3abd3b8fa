from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import Encryption, HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


@pytest.fixture
def encryption() -> Encryption:
    return Encryption(keys={"old": OLD}, scopes=["users"])


@pytest.fixture(params=["in memory", "on disk"])
def memory(
    request: pytest.FixtureRequest, path: Path, embedder: HashingEmbedder
) -> Iterator[Memory]:
    """As everywhere, with every scope encrypted."""
    where = ":memory:" if request.param == "in memory" else path
    with Memory(where, embedder=embedder, encryption=Encryption(keys={"old": OLD})) as opened:
        yield opened
