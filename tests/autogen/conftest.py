from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autogen_commonplace import CommonplaceMemory

if TYPE_CHECKING:
    from commonplace import Memory


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def book(memory: Memory) -> CommonplaceMemory:
    """The face over the memory of the core, which tests may look into."""
    return CommonplaceMemory(memory, user="alice")
