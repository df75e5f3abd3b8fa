from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.clocks import StepClock

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

settings.register_profile(
    "quick", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50
)
settings.load_profile("quick")


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder(64)


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture(params=["in memory", "on disk"])
def memory(
    request: pytest.FixtureRequest, path: Path, embedder: HashingEmbedder
) -> Iterator[Memory]:
    where = ":memory:" if request.param == "in memory" else path
    with Memory(where, embedder=embedder) as opened:
        yield opened
