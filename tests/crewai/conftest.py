from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

# CrewAI reads these when it is imported; its documents name them.
os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"
os.environ["CREWAI_TRACING_ENABLED"] = "false"
os.environ["OTEL_SDK_DISABLED"] = "true"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of CrewAI's own imports
    import crewai.memory.unified_memory  # noqa: F401

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CrewAI writes what it keeps beside memory below this directory."""
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def shared() -> Iterator[Memory]:
    """A memory that several faces use."""
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        yield memory
