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
    import crewai.memory.unified_memory  # noqa: F401  # pyright: ignore[reportUnusedImport] - for what it warns of

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# What CrewAI warns of in its own code.
OF_CREWAI = [
    r"ignore::DeprecationWarning:crewai\.",
    r"ignore::UserWarning:crewai\.",
    "ignore:Pydantic serializer warnings:UserWarning",  # for every LLM and Memory of a subclass
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/crewai" in item.nodeid:
            for warning in OF_CREWAI:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CrewAI writes what it keeps beside memory below this directory."""
    monkeypatch.setenv("CREWAI_STORAGE_DIR", str(tmp_path / "crewai"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def shared() -> Iterator[Memory]:
    """A memory that several faces use."""
    with Memory(":memory:", embedder=HashingEmbedder(64)) as memory:
        yield memory
