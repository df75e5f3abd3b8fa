"""Small graphs, and a clock that tests set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import HashingEmbedder, Link, Memory
from commonplace.clock import from_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


def write_links(memory: Memory, links: Iterable[tuple[str, str, float]]) -> None:
    """Many links in one transaction: one by one through the verb would take a minute."""
    made = [
        Link(source_id=source, target_id=target, weight=weight, created_at=from_micros(number))
        for number, (source, target, weight) in enumerate(links)
    ]
    with memory._store._ledger.write() as transaction:  # pyright: ignore[reportPrivateUsage] - see the docstring
        transaction.links.put(made, now=0)


@pytest.fixture
def bulk() -> Callable[[Memory, Iterable[tuple[str, str, float]]], None]:
    return write_links


@pytest.fixture
def on_disk(path: Path) -> Iterator[Memory]:
    """For large graphs, which are built once and not for every kind of memory."""
    with Memory(path, embedder=HashingEmbedder(8)) as opened:
        yield opened
